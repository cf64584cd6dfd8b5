/* Attention within jets in 32 bits and its way back, jet by jet and head by head, so that all of a jet stays in
 * the cache.
 *
 * Queries, keys and values of N tokens lie as (N, 3, H, d), the results as (N, H, d); d is a multiple of 8. For a
 * head and jet, P = softmax(scale Q K^T + bias), and P V is the result; the way back computes P again. Four
 * queries at a time meet eight keys at a time, whose vectors are transposed first: lane k of a vector of scores
 * belongs to key k. GCC and clang turn vectors of eight numbers into what the processor has.
 */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#define _GNU_SOURCE /* for RTLD_DEFAULT */
#include <Python.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#define LANES 8
#define QUERIES 4

typedef float vector __attribute__((vector_size(32)));
typedef float unaligned __attribute__((vector_size(32), aligned(4)));
typedef int32_t integers __attribute__((vector_size(32)));

#define LOAD(from) (*(const unaligned *)(from))
#define STORE(to, value) (*(unaligned *)(to) = (value))
#define ALL(value) ((vector){0} + (value))

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (integers){__VA_ARGS__})
#endif

/* Inlined into each of the variants below, and so compiled for the instructions of each. */
#define INLINED static inline __attribute__((always_inline))

/* Stands for minus infinity: its exponential is 0 next to any score. */
#define NEVER (-1e30f)

INLINED vector chosen(integers where, vector yes, vector no) {
    return (vector)(((integers)yes & where) | ((integers)no & ~where));
}

INLINED vector larger(vector a, vector b) { return chosen(a > b, a, b); }

/* The largest of the lanes, in all of them. */
INLINED vector largest(vector a) {
    a = larger(a, SHUFFLE(a, a, 4, 5, 6, 7, 0, 1, 2, 3));
    a = larger(a, SHUFFLE(a, a, 2, 3, 0, 1, 6, 7, 4, 5));
    return larger(a, SHUFFLE(a, a, 1, 0, 3, 2, 5, 4, 7, 6));
}

/* The sum of the lanes, in all of them. */
INLINED vector total(vector a) {
    a += SHUFFLE(a, a, 4, 5, 6, 7, 0, 1, 2, 3);
    a += SHUFFLE(a, a, 2, 3, 0, 1, 6, 7, 4, 5);
    return a + SHUFFLE(a, a, 1, 0, 3, 2, 5, 4, 7, 6);
}

/* exp(x) for x up to 0: 2^n exp(r) with a whole n and |r| <= ln(2) / 2, where eight terms of the Taylor series
 * are good to the last bit or two. Adding `round` leaves n in the lowest bits of the sum. */
INLINED vector exponential(vector x) {
    const float round = 12582912.0f; /* 1.5 * 2^23 */
    x = larger(ALL(-87.0f), x); /* in this order what is no number stays so */
    vector sum = x * 1.44269504f + round;
    vector n = sum - round;
    vector r = x - n * 0.693359375f + n * 2.12194440e-4f; /* ln(2) in two parts */
    vector series = r * (1.0f / 5040) + 1.0f / 720;
    series = series * r + 1.0f / 120;
    series = series * r + 1.0f / 24;
    series = series * r + 1.0f / 6;
    series = series * r + 0.5f;
    series = series * r * r + r + 1.0f;
    integers power = ((integers)sum - 0x4B400000 + 127) << 23;
    return series * (vector)power;
}

INLINED void transpose(vector a[LANES]) {
    vector b[LANES];
    for (int i = 0; i < 8; i += 2) {
        b[i] = SHUFFLE(a[i], a[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        b[i + 1] = SHUFFLE(a[i], a[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            a[i + 2 * k] = SHUFFLE(b[i + k], b[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            a[i + 2 * k + 1] = SHUFFLE(b[i + k], b[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < 4; i++) {
        b[i] = SHUFFLE(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        b[i + 4] = SHUFFLE(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (int i = 0; i < 8; i++)
        a[i] = b[i];
}

/* The first `count` numbers at `from`, of which at most all lanes are taken. */
INLINED vector start_of(const float *from, int64_t count) {
    vector read = ALL(0);
    if (count >= LANES)
        return LOAD(from);
    for (int64_t n = 0; n < count; n++)
        read[n] = from[n];
    return read;
}

INLINED int64_t rounded_up(int64_t length) { return (length + LANES - 1) / LANES * LANES; }

/* Rows beyond the last one of a jet repeat it. */
INLINED size_t row_of(int64_t i, int64_t length) { return (size_t)(i < length ? i : length - 1); }

/* Rows of one jet and head: the first of them, and how far the next one is. */
typedef struct {
    const float *first;
    size_t step;
    int64_t number;
} Rows;

/* Transpose `rows` of `size` numbers, times `scale`, block by block of LANES rows, the last one filled. */
INLINED void transpose_rows(Rows rows, int64_t size, float scale, float *restrict result) {
    for (int64_t j = 0; j < rows.number; j += LANES)
        for (int64_t e = 0; e < size; e += LANES) {
            vector block[LANES];
            for (int n = 0; n < LANES; n++)
                block[n] = LOAD(rows.first + row_of(j + n, rows.number) * rows.step + e) * scale;
            transpose(block);
            for (int n = 0; n < LANES; n++)
                STORE(result + j * size + (e + n) * LANES, block[n]);
        }
}

/* The products of `a` rows i to i + QUERIES with LANES transposed rows. */
INLINED void multiply(Rows a, int64_t i, const float *restrict transposed, int64_t size, vector result[QUERIES]) {
    const float *row[QUERIES];
    vector odd[QUERIES];
    for (int n = 0; n < QUERIES; n++) {
        row[n] = a.first + row_of(i + n, a.number) * a.step;
        result[n] = odd[n] = ALL(0);
    }
    for (int64_t e = 0; e < size; e += 2) {
        vector first = LOAD(transposed + e * LANES), second = LOAD(transposed + (e + 1) * LANES);
        for (int n = 0; n < QUERIES; n++) {
            result[n] += row[n][e] * first;
            odd[n] += row[n][e + 1] * second;
        }
    }
    for (int n = 0; n < QUERIES; n++)
        result[n] += odd[n];
}

/* Write what queries i to i + QUERIES take of each key into QUERIES rows of `shares`, before they are divided by
 * their sums, of which `inverse` is the inverse. */
INLINED void share_out(Rows q, int64_t i, const float *restrict keys, int64_t size, const float *restrict bias,
                       float *restrict shares, vector inverse[QUERIES]) {
    const integers lane = {0, 1, 2, 3, 4, 5, 6, 7};
    const int64_t length = q.number, rounded = rounded_up(length);
    vector most[QUERIES], sum[QUERIES];
    for (int n = 0; n < QUERIES; n++) {
        most[n] = ALL(NEVER);
        sum[n] = ALL(0);
    }
    for (int64_t j = 0; j < rounded; j += LANES) {
        vector score[QUERIES];
        multiply(q, i, keys + j * size, size, score);
        for (int n = 0; n < QUERIES; n++) {
            if (bias)
                score[n] += start_of(bias + row_of(i + n, length) * (size_t)length + j, length - j);
            score[n] = chosen(lane < (int32_t)(length - j), score[n], ALL(NEVER));
            most[n] = larger(most[n], score[n]);
            STORE(shares + n * rounded + j, score[n]);
        }
    }
    for (int n = 0; n < QUERIES; n++)
        most[n] = largest(most[n]);
    for (int64_t j = 0; j < rounded; j += LANES)
        for (int n = 0; n < QUERIES; n++) {
            vector share = exponential(LOAD(shares + n * rounded + j) - most[n]);
            STORE(shares + n * rounded + j, share);
            sum[n] += share;
        }
    for (int n = 0; n < QUERIES; n++)
        inverse[n] = 1.0f / total(sum[n]);
}

/* Write the sums of `rows`, each times its weight, times `factor`, for QUERIES rows of weights; of the results as
 * many are written as there are. */
INLINED void mix(Rows rows, const float *restrict weights, int64_t size, const vector factor[QUERIES],
                 float *restrict result, size_t step, int64_t number) {
    const int64_t rounded = rounded_up(rows.number);
    for (int64_t e = 0; e < size; e += 2 * LANES) {
        /* The second half of the last block is its first half again where the size is no multiple of 16. */
        const int64_t second = e + LANES < size ? e + LANES : e;
        vector low[QUERIES], high[QUERIES];
        for (int n = 0; n < QUERIES; n++)
            low[n] = high[n] = ALL(0);
        for (int64_t j = 0; j < rows.number; j++) {
            const float *row = rows.first + j * rows.step;
            vector a = LOAD(row + e), b = LOAD(row + second);
            for (int n = 0; n < QUERIES; n++) {
                low[n] += weights[n * rounded + j] * a;
                high[n] += weights[n * rounded + j] * b;
            }
        }
        for (int n = 0; n < QUERIES && n < number; n++) {
            STORE(result + n * step + e, low[n] * factor[n]);
            STORE(result + n * step + second, high[n] * factor[n]);
        }
    }
}

/* Add rows i to i + QUERIES of `rows`, each times its weight for a result, to all results; begin with the first. */
INLINED void spread(Rows rows, int64_t i, const float *restrict weights, int64_t size, float *restrict result,
                    size_t step) {
    const int64_t rounded = rounded_up(rows.number);
    const float *row[QUERIES];
    for (int n = 0; n < QUERIES; n++)
        row[n] = rows.first + row_of(i + n, rows.number) * rows.step;
    for (int64_t e = 0; e < size; e += LANES) {
        vector part[QUERIES];
        for (int n = 0; n < QUERIES; n++)
            part[n] = i + n < rows.number ? LOAD(row[n] + e) : ALL(0);
        for (int64_t j = 0; j < rows.number; j++) {
            vector sum = i ? LOAD(result + j * step + e) : ALL(0);
            for (int n = 0; n < QUERIES; n++)
                sum += weights[n * rounded + j] * part[n];
            STORE(result + j * step + e, sum);
        }
    }
}

typedef struct {
    const float *tokens;    /* (N, 3, H, d) */
    const float *bias;      /* (H, l, l) of each jet, one after the other, or none */
    const int64_t *lengths; /* l of each jet */
    int64_t jets, heads, size;
    float scale;
    int64_t rows, parts;    /* N; of the jets, for as many threads */
    float *result;          /* forward: (N, H, d) */
    const float *gradient;  /* backward: of the result (N, H, d) */
    float *of_tokens;       /* backward: as `tokens` */
    float *of_bias;         /* backward: as `bias` */
    float *room;            /* what a head of the longest jet needs, for each part */
    int64_t room_of_part;
} Work;

/* One head of a jet: where its rows lie in all arrays. */
typedef struct {
    Rows q, k, v;
    size_t token, mixed; /* where it begins in (N, 3, H, d), and in (N, H, d) and its like */
    const float *bias;
    float *of_bias;
} Head;

INLINED void attend_head(const Work *work, Head head, float *keys, int64_t size) {
    const int64_t length = head.q.number;
    const size_t step = (size_t)(work->heads * size);
    float *shares = keys + rounded_up(length) * size;
    transpose_rows(head.k, size, work->scale, keys);
    for (int64_t i = 0; i < length; i += QUERIES) {
        vector inverse[QUERIES];
        share_out(head.q, i, keys, size, head.bias, shares, inverse);
        mix(head.v, shares, size, inverse, work->result + head.mixed + i * step, step, length - i);
    }
}

/* With shares P, scores S, values V and the gradient G of the result, that of P is G V^T, that of S is
 * P (G V^T - its mean by P), and those of queries, keys and values follow by the product rule. */
INLINED void attend_head_backward(const Work *work, Head head, float *keys, int64_t size) {
    const int64_t length = head.q.number, rounded = rounded_up(length);
    const size_t step = (size_t)(work->heads * size);
    const Rows gradient = {work->gradient + head.mixed, step, length};
    float *values = keys + rounded * size, *shares = values + rounded * size, *of_scores = shares + QUERIES * rounded;
    float *of_q = work->of_tokens + head.token, *of_k = of_q + step, *of_v = of_k + step;
    vector scale[QUERIES];
    for (int n = 0; n < QUERIES; n++)
        scale[n] = ALL(work->scale);
    transpose_rows(head.k, size, work->scale, keys);
    transpose_rows(head.v, size, 1.0f, values);
    for (int64_t i = 0; i < length; i += QUERIES) {
        vector inverse[QUERIES], mean[QUERIES];
        share_out(head.q, i, keys, size, head.bias, shares, inverse);
        for (int n = 0; n < QUERIES; n++)
            mean[n] = ALL(0);
        for (int64_t j = 0; j < rounded; j += LANES) {
            vector of_share[QUERIES];
            multiply(gradient, i, values + j * size, size, of_share);
            for (int n = 0; n < QUERIES; n++) {
                vector share = LOAD(shares + n * rounded + j) * inverse[n];
                STORE(shares + n * rounded + j, share);
                STORE(of_scores + n * rounded + j, of_share[n]);
                mean[n] += share * of_share[n];
            }
        }
        for (int n = 0; n < QUERIES; n++)
            mean[n] = total(mean[n]);
        for (int64_t j = 0; j < rounded; j += LANES)
            for (int n = 0; n < QUERIES; n++) {
                float *at = of_scores + n * rounded + j;
                STORE(at, LOAD(shares + n * rounded + j) * (LOAD(at) - mean[n]));
            }
        if (head.of_bias)
            for (int64_t n = 0; n < QUERIES && i + n < length; n++)
                for (int64_t j = 0; j < length; j++)
                    head.of_bias[(i + n) * length + j] = of_scores[n * rounded + j];
        mix(head.k, of_scores, size, scale, of_q + i * head.q.step, head.q.step, length - i);
        spread(gradient, i, shares, size, of_v, head.v.step);
        spread(head.q, i, of_scores, size, of_k, head.k.step);
    }
    for (int64_t j = 0; j < length; j++)
        for (int64_t e = 0; e < size; e += LANES)
            STORE(of_k + j * head.k.step + e, LOAD(of_k + j * head.k.step + e) * work->scale);
}

/* Have the next jet's tokens on their way to the cache: heads read them in steps that no processor foresees. */
INLINED void fetch_jet(const Work *work, size_t step, size_t row, int64_t jet) {
    const size_t line = 64 / sizeof(float);
    if (jet >= work->jets || work->lengths[jet] > 64)
        return;
    const float *first = work->tokens + row * step;
    for (size_t n = 0; n < (size_t)work->lengths[jet] * step; n += line)
        __builtin_prefetch(first + n, 0, 2);
}

/* Some of the jets, the first of which begins at a row and a pair of numbers. */
typedef struct {
    int64_t first, end;
    size_t row, pair;
} Jets;

/* `size` apart from `work`, so that a compiler that knows it unrolls what depends on it. */
INLINED void attend_jets(const Work *work, Jets jets, float *room, int64_t size) {
    const size_t step = (size_t)(work->heads * size);
    size_t row = jets.row, pair = jets.pair;
    for (int64_t jet = jets.first; jet < jets.end; jet++) {
        const int64_t length = work->lengths[jet];
        fetch_jet(work, 3 * step, row + length, jet + 1);
        for (int64_t n = 0; n < work->heads && length > 0; n++) {
            const float *q = work->tokens + 3 * step * row + n * size;
            Head head = {{q, 3 * step, length}, {q + step, 3 * step, length}, {q + 2 * step, 3 * step, length},
                         3 * step * row + n * size, step * row + n * size,
                         work->bias ? work->bias + pair : NULL, work->of_bias ? work->of_bias + pair : NULL};
            if (work->gradient)
                attend_head_backward(work, head, room, size);
            else
                attend_head(work, head, room, size);
            pair += length * length;
        }
        row += length;
    }
}

INLINED void attend(const Work *work, Jets jets, float *room) {
    if (work->size == 32)
        attend_jets(work, jets, room, 32);
    else if (work->size == 16)
        attend_jets(work, jets, room, 16);
    else
        attend_jets(work, jets, room, work->size);
}

static void attend_anywhere(const Work *work, Jets jets, float *room) { attend(work, jets, room); }

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void attend_by_avx2(const Work *work, Jets jets, float *room) {
    attend(work, jets, room);
}

static void attend_fastest(const Work *work, Jets jets, float *room) {
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        attend_by_avx2(work, jets, room);
    else
        attend_anywhere(work, jets, room);
}
#else
static void attend_fastest(const Work *work, Jets jets, float *room) { attend_anywhere(work, jets, room); }
#endif

/* Go through one of `parts` parts of the jets that have about as many rows each. */
static void attend_part(const Work *work, int64_t part, int64_t parts) {
    Jets jets = {0, 0, 0, 0};
    const int64_t begin = work->rows * part / parts, end = work->rows * (part + 1) / parts;
    int64_t row = 0;
    for (int64_t jet = 0; jet < work->jets && row < end; jet++) {
        const int64_t length = work->lengths[jet];
        if (row < begin) {
            jets.first = jet + 1;
            jets.row += length;
            jets.pair += length * length * work->heads;
        }
        row += length;
        jets.end = jet + 1;
    }
    attend_fastest(work, jets, work->room + part * work->room_of_part);
}

/* The threads of OpenMP that PyTorch has loaded: others would wait for a core while those spin. */
typedef void (*Parallel)(void (*)(void *), void *, unsigned, unsigned);
typedef int (*Number)(void);
static Parallel parallel;
static Number thread_number, number_of_threads;

static void find_threads(void) {
    *(void **)&parallel = dlsym(RTLD_DEFAULT, "GOMP_parallel");
    *(void **)&thread_number = dlsym(RTLD_DEFAULT, "omp_get_thread_num");
    *(void **)&number_of_threads = dlsym(RTLD_DEFAULT, "omp_get_num_threads");
}

static void attend_my_parts(void *given) {
    const Work *work = given;
    for (int64_t part = thread_number(); part < work->parts; part += number_of_threads())
        attend_part(work, part, work->parts);
}

static void attend_all(Work *work) {
    if (work->parts > 1 && parallel && thread_number && number_of_threads)
        parallel(attend_my_parts, work, (unsigned)work->parts, 0);
    else
        attend_part(work, 0, 1);
}

/* What Python gives: each array as a buffer, `tokens` and `lengths` always. */
typedef struct {
    Py_buffer tokens, bias, lengths, result, gradient, of_tokens, of_bias;
} Arrays;

static int fits(const Py_buffer *array, int64_t numbers) {
    return array->buf == NULL || array->len == numbers * (int64_t)sizeof(float);
}

static PyObject *done(Arrays *arrays, int64_t heads, int64_t size, float scale, int64_t threads) {
    Work work = {.tokens = arrays->tokens.buf,
                 .bias = arrays->bias.buf,
                 .lengths = arrays->lengths.buf,
                 .jets = arrays->lengths.len / (int64_t)sizeof(int64_t),
                 .heads = heads,
                 .size = size,
                 .scale = scale,
                 .parts = threads > 1 ? threads : 1,
                 .result = arrays->result.buf,
                 .gradient = arrays->gradient.buf,
                 .of_tokens = arrays->of_tokens.buf,
                 .of_bias = arrays->of_bias.buf};
    int64_t longest = 0, pairs = 0, sensible = heads > 0 && size > 0 && size % LANES == 0;
    for (int64_t jet = 0; jet < work.jets; jet++) {
        const int64_t length = work.lengths[jet];
        sensible = sensible && length >= 0 && length <= INT32_MAX;
        work.rows += length;
        pairs += length * length;
        longest = length > longest ? length : longest;
    }
    const int64_t mixed = work.rows * heads * size;
    if (!sensible || !fits(&arrays->tokens, 3 * mixed) || !fits(&arrays->bias, pairs * heads) ||
        !fits(&arrays->result, mixed) || !fits(&arrays->gradient, mixed) || !fits(&arrays->of_tokens, 3 * mixed) ||
        !fits(&arrays->of_bias, pairs * heads)) {
        PyErr_SetString(PyExc_ValueError, "arrays do not fit the lengths, heads and their size");
        return NULL;
    }
    work.room_of_part = 2 * (size + QUERIES) * rounded_up(longest) + LANES;
    work.room = malloc((size_t)(work.parts * work.room_of_part) * sizeof(float));
    if (!work.room)
        return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    attend_all(&work);
    Py_END_ALLOW_THREADS
    free(work.room);
    Py_RETURN_NONE;
}

static PyObject *released(PyObject *result, Arrays *arrays) {
    Py_buffer *all[] = {&arrays->tokens, &arrays->bias,      &arrays->lengths, &arrays->result,
                        &arrays->gradient, &arrays->of_tokens, &arrays->of_bias};
    for (size_t n = 0; n < sizeof(all) / sizeof(*all); n++)
        if (all[n]->obj)
            PyBuffer_Release(all[n]);
    return result;
}

static PyObject *python_attend(PyObject *module, PyObject *arguments) {
    (void)module;
    Arrays arrays = {0};
    long long heads, size, threads;
    float scale;
    if (!PyArg_ParseTuple(arguments, "y*z*y*LLfLw*", &arrays.tokens, &arrays.bias, &arrays.lengths, &heads, &size,
                          &scale, &threads, &arrays.result))
        return NULL;
    return released(done(&arrays, heads, size, scale, threads), &arrays);
}

static PyObject *python_attend_backward(PyObject *module, PyObject *arguments) {
    (void)module;
    Arrays arrays = {0};
    PyObject *of_bias;
    long long heads, size, threads;
    float scale;
    if (!PyArg_ParseTuple(arguments, "y*z*y*LLfLy*w*O", &arrays.tokens, &arrays.bias, &arrays.lengths, &heads,
                          &size, &scale, &threads, &arrays.gradient, &arrays.of_tokens, &of_bias))
        return NULL;
    if (of_bias != Py_None && PyObject_GetBuffer(of_bias, &arrays.of_bias, PyBUF_WRITABLE))
        return released(NULL, &arrays);
    return released(done(&arrays, heads, size, scale, threads), &arrays);
}

static PyObject *python_has_threads(PyObject *module, PyObject *none) {
    (void)module, (void)none;
    return PyBool_FromLong(parallel && thread_number && number_of_threads);
}

static PyMethodDef methods[] = {
    {"attend", python_attend, METH_VARARGS,
     "attend(tokens, bias, lengths, heads, size, scale, threads, result)\n\n"
     "Write what each token takes of its jet into `result`."},
    {"attend_backward", python_attend_backward, METH_VARARGS,
     "attend_backward(tokens, bias, lengths, heads, size, scale, threads, gradient, of_tokens, of_bias)\n\n"
     "Write the gradients of `tokens` and `bias` where that of the result is `gradient`."},
    {"has_threads", python_has_threads, METH_NOARGS, "has_threads()\n\nWhether several cores can share the jets."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_attention_kernel", NULL, -1, methods, NULL, NULL,
                                        NULL, NULL};

PyMODINIT_FUNC PyInit__attention_kernel(void) {
    find_threads();
    return PyModule_Create(&definition);
}

from numpy import ndarray

def attend(
    tokens: ndarray,
    bias: ndarray | None,
    lengths: ndarray,
    heads: int,
    size: int,
    scale: float,
    threads: int,
    result: ndarray,
    /,
) -> None: ...
def attend_backward(
    tokens: ndarray,
    bias: ndarray | None,
    lengths: ndarray,
    heads: int,
    size: int,
    scale: float,
    threads: int,
    gradient: ndarray,
    of_tokens: ndarray,
    of_bias: ndarray | None,
    /,
) -> None: ...
def has_threads() -> bool: ...

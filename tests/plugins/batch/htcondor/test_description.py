"""The submit description is a pure function; HTCondor's own library reads it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salt_core.errors import ConfigError
from salt_plugins.batch.htcondor.backend import ENVIRONMENT, FLAVOURS, HTCondor
from salt_plugins.batch.htcondor.description import description, text
from salt_plugins.batch.htcondor.keywords import KNOWN, OWN

PLAIN = f"""\
executable = batch/gn2-1.sh
log = batch/gn2-1.events
error = batch/gn2-1.err
MY.JobBatchName = "gn2"
getenv = {", ".join(ENVIRONMENT)}
request_cpus = 4
request_gpus = 1
request_memory = 16GB
requirements = !(NumJobStarts > 0)
periodic_remove = NumJobStarts > 0 && JobStatus == 1
queue 1
"""


def commands(text):
    return dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)


def test_the_whole_description_of_a_plain_job(rendered):
    assert rendered()[0] == PLAIN


def test_every_option_has_its_command(rendered):
    text, _ = rendered(
        {
            "requeue": True,
            "max_restarts": 3,
            "signal": "SIGUSR1@90",
            "options": {"+Urgent": "True", "Rank": "Mips"},
        },
        cpus=8,
        gpus=2,
        require_gpus="Capability >= 8.0",
        memory="64GB",
        disk="50GB",
        runtime="2-00:00:00",
        project="af-atlas",
        accounting_group="group_u_ATLAST3.all",
        requirements='(OpSysMajorVer == 9) && (Machine != "x")',
        image="docker://salt/salt:1",
    )
    assert commands(text) == {
        "executable": "batch/gn2-1.sh",
        "universe": "container",
        "container_image": "docker://salt/salt:1",
        "log": "batch/gn2-1.events",
        "error": "batch/gn2-1.err",
        "MY.JobBatchName": '"gn2"',
        "getenv": ", ".join(ENVIRONMENT),
        "request_cpus": "8",
        "request_gpus": "2",
        "request_memory": "64GB",
        "request_disk": "50GB",
        "MY.MaxRuntime": "172800",
        "kill_sig": "SIGUSR1",
        "job_max_vacate_time": "90",
        "require_gpus": "Capability >= 8.0",
        "accounting_group": "group_u_ATLAST3.all",
        "requirements": '(OpSysMajorVer == 9) && (Machine != "x")',
        "MY.MyProject": '"af-atlas"',
        "max_retries": "3",
        "retry_until": "(ExitBySignal || ExitCode =!= 85)",
        "MY.Urgent": "True",
        "rank": "Mips",
    }


def test_the_ad_of_a_plain_job_asks_for_no_more(rendered, ads):
    (ad,) = ads(rendered()[0])
    assert (ad["RequestCpus"], ad["RequestGPUs"], ad["RequestMemory"]) == (4, 1, 16384)
    assert ad["Cmd"].endswith("/batch/gn2-1.sh")
    assert ad["UserLog"].endswith("/batch/gn2-1.events")
    assert ad["Err"] == "batch/gn2-1.err"
    assert ad["JobUniverse"] == 5
    unasked = {"RequestRuntime", "MaxRuntime", "JobFlavour", "MyProject", "AcctGroup", "JobMaxRetries"}
    assert not unasked & ad.keys()
    assert str(ad.get("OnExitRemove", True)) == "True"


@pytest.mark.parametrize(
    ("options", "attribute", "value"),
    [
        ({"cpus": 8}, "RequestCpus", 8),
        ({"gpus": 3}, "RequestGPUs", 3),
        ({"require_gpus": "Capability >= 8"}, "RequireGPUs", "Capability >= 8"),
        ({"memory": "1.5GB"}, "RequestMemory", 1536),
        ({"disk": "2GB"}, "RequestDisk", 2 * 1024 * 1024),
        ({"runtime": "1:00:00"}, "MaxRuntime", 3600),
        ({"runtime": "1:00:00", "runtime_key": "RequestRuntime"}, "RequestRuntime", 3600),
        ({"job_flavour": "longlunch"}, "JobFlavour", "longlunch"),
        ({"project": 'my "own" $project'}, "MyProject", 'my "own" $project'),
        ({"accounting_group": "atlas.ftag"}, "AcctGroup", "atlas.ftag"),
        ({"image": "/cvmfs/image.sif"}, "ContainerImage", "/cvmfs/image.sif"),
    ],
)
def test_the_ad_has_what_an_option_asks_for(rendered, ads, options, attribute, value):
    (ad,) = ads(rendered(**options)[0])
    assert str(ad[attribute]) == str(value)


def test_no_gpus_are_asked_for_where_none_are_wanted(rendered, ads):
    (ad,) = ads(rendered(gpus=0)[0])
    assert "RequestGPUs" not in ad


def test_requirements_are_added_to_those_of_the_resources(rendered, ads):
    (ad,) = ads(rendered(requirements="OpSysMajorVer == 9")[0])
    assert "OpSysMajorVer == 9" in str(ad["Requirements"])
    assert "RequestMemory" in str(ad["Requirements"])


def test_a_job_that_is_not_requeued_finds_no_second_machine(rendered, ads):
    for options in ({}, {"requirements": "False || OpSysMajorVer == 9"}):
        (ad,) = ads(rendered(**options)[0])
        first = str(ad["Requirements"]).partition(" && (TARGET.")[0]
        facts = {"OpSysMajorVer": 9}
        assert evaluated(first, {**facts, "NumJobStarts": ad["NumJobStarts"]}) is True
        assert evaluated(first, {**facts, "NumJobStarts": 1}) is False
        assert evaluated(str(ad["PeriodicRemove"]), {"NumJobStarts": 1, "JobStatus": 1}) is True
        assert evaluated(str(ad["PeriodicRemove"]), {"NumJobStarts": 1, "JobStatus": 2}) is False


def test_an_image_makes_it_a_job_in_a_container(rendered, ads):
    (ad,) = ads(rendered(image="docker://salt/salt:1")[0])
    assert ad["WantContainer"]
    assert ad["WantDockerImage"]


def test_a_requeued_job_is_started_again_after_85_alone(rendered, ads):
    (ad,) = ads(rendered({"requeue": True, "max_restarts": 4})[0])
    assert ad["JobMaxRetries"] == 4
    for code, by_signal, starts, leaves in [
        (85, False, 1, False),
        (85, False, 5, True),
        (0, False, 1, True),
        (1, False, 1, True),
        (84, True, 1, True),
    ]:
        expression = str(ad["OnExitRemove"])
        facts = {"ExitCode": code, "ExitBySignal": by_signal, "NumJobCompletions": starts, "JobMaxRetries": 4}
        assert evaluated(expression, facts) is leaves, (code, by_signal, starts)


def evaluated(expression, facts):
    classad = pytest.importorskip("classad")
    ad = classad.ClassAd(facts)
    ad["Outcome"] = classad.ExprTree(expression)
    return ad.eval("Outcome")


def test_a_job_that_stays_in_its_slot_has_a_limit_too(rendered, ads):
    text, _ = rendered({"requeue": True, "max_restarts": 4}, same_slot=True)
    (ad,) = ads(text)
    assert ad["SuccessCheckpointExitCode"] == 85
    assert "JobMaxRetries" not in ad
    assert evaluated(str(ad["PeriodicRemove"]), {"CheckpointNumber": 4}) is True
    assert evaluated(str(ad["PeriodicRemove"]), {"CheckpointNumber": 3}) is False


@pytest.mark.parametrize(
    ("signal", "kill", "seconds"),
    [("", "SIGTERM", 180), ("USR1@90", "SIGUSR1", 90), ("sigint@5", "SIGINT", 5), ("TERM", "SIGTERM", None)],
)
def test_the_signal_comes_before_the_end(rendered, ads, signal, kill, seconds):
    (ad,) = ads(rendered({"requeue": True, "signal": signal})[0])
    assert ad["KillSig"] == kill
    assert ad.get("JobMaxVacateTime") == seconds


def test_an_array_is_one_job_for_each_task(rendered, ads):
    found = ads(rendered({"tasks": [("--a=1",), ("--a=2",), ("--a=3",)]})[0])
    assert [ad["Args"] for ad in found] == ["0", "1", "2"]
    assert [ad["Err"] for ad in found] == [f"batch/gn2-1-{i}.err" for i in range(3)]


def test_only_named_variables_are_passed_on(rendered, ads, monkeypatch):
    monkeypatch.setenv("SALT_CACHE_DIR", "/a b")
    monkeypatch.setenv("COMET_API_KEY", "secret")
    (ad,) = ads(rendered()[0])
    assert "SALT_CACHE_DIR=/a' 'b" in ad["Environment"]
    assert "PATH=" in ad["Environment"]
    assert "secret" not in ad["Environment"]


def test_words_of_the_user_count_more_than_options(rendered, ads):
    (ad,) = ads(rendered({"options": {"Request_CPUs": "2", "my.maxruntime": "7"}}, cpus=8, runtime="100")[0])
    assert ad["RequestCpus"] == 2
    assert ad["MaxRuntime"] == 7


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"request_memry": "1"}, "did you mean 'request_memory'"),
        ({"requst_gpus": "1"}, "did you mean 'request_gpus'"),
        ({"request_mem": "1"}, "did you mean 'request_memory'"),
        ({"request_gpu": "1"}, "did you mean 'request_gpus'"),
        ({"reqirements": "True"}, "did you mean 'requirements'"),
        ({"MaxRuntime": "1"}, "condor.MY.MaxRuntime=VALUE"),
        ({"my.two words": "1"}, "no such command"),
        ({"executable": "/bin/sh"}, "for salt to write"),
        ({"Arguments": "x"}, "for salt to write"),
        ({"log": "x"}, "for salt to write"),
        ({"queue": "5"}, "for salt to write"),
        ({"hold": None}, "give a value"),
        ({"rank": "1\nqueue 100"}, "does not end with its line"),
        ({"rank": "1 \\"}, "does not end with its line"),
    ],
)
def test_words_that_htcondor_would_misunderstand_are_refused(rendered, options, said):
    with pytest.raises(ConfigError) as caught:
        rendered({"options": options})
    assert said in str(caught.value)
    assert next(iter(options)).lower() in str(caught.value).lower()


@pytest.mark.parametrize("name", ["request_tapes", "require_tapes", "request_licenses"])
def test_custom_resources_are_taken(rendered, name):
    assert f"{name} = 2" in rendered({"options": {name: "2"}})[0].splitlines()


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"cpus": 0}, "--cpus"),
        ({"gpus": -1}, "--gpus"),
        ({"memory": "much"}, "--memory"),
        ({"memory": "64000"}, "--memory"),
        ({"disk": "1 PB"}, "--disk"),
        ({"runtime": "soon"}, "--runtime"),
        ({"runtime": "100", "job_flavour": "espresso"}, "--job_flavour"),
        ({"gpus": 0, "require_gpus": "Capability >= 8"}, "--require_gpus"),
        ({"requirements": "True\nqueue 100"}, "requirements"),
        ({"project": "a\\"}, "--project"),
        ({"project": "$(X)"}, "--project"),
        ({"image": "$(X)"}, "--image"),
        ({"same_slot": True}, "--same_slot"),
    ],
)
def test_bad_values_are_told_with_their_option(rendered, options, where):
    with pytest.raises(ConfigError) as caught:
        rendered(**options)
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"signal": "KILL@3"}, "--signal"),
        ({"signal": "USR1@soon"}, "--signal"),
        ({"requeue": True, "max_restarts": 11}, "--max_restarts"),
        ({"name": "line\nfeed"}, "MY.JobBatchName"),
    ],
)
def test_bad_jobs_are_told_too(rendered, changes, where):
    with pytest.raises(ConfigError) as caught:
        rendered(changes)
    assert caught.value.where == where


def test_the_trainer_knows_what_was_asked_for():
    assert HTCondor(cpus=6, gpus=2).arguments() == {
        "--trainer.devices": "2",
        "--trainer.num_nodes": "1",
        "--data.num_workers": "6",
    }
    assert HTCondor(gpus=0).arguments()["--trainer.devices"] == "1"
    assert HTCondor(gpus=0).arguments()["--trainer.accelerator"] == "cpu"


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({"runtime": "12:00:00"}, 12 * 3600 - 300),
        ({"runtime": "1000"}, 950),
        ({"job_flavour": "espresso"}, 1140),
        ({"job_flavour": "nextweek"}, 7 * 24 * 3600 - 300),
    ],
)
def test_the_training_stops_itself_before_its_time_ends(options, limit):
    assert HTCondor(**options).arguments()["--time_limit"] == str(limit)


def test_flavours_are_in_the_order_of_their_lengths():
    assert list(FLAVOURS.values()) == sorted(FLAVOURS.values())


def test_salt_writes_no_command_that_it_would_refuse(rendered):
    text, _ = rendered(
        {"requeue": True, "tasks": [("a",)]},
        image="x.sif",
        require_gpus="True",
        accounting_group="a",
        disk="1GB",
    )
    words = {name for name in commands(text) if not name.startswith("MY.")}
    assert words <= KNOWN | OWN


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1))
def test_a_string_arrives_as_it_is_or_is_refused(ads, value):
    try:
        written = text(value, "--tag")
        (ad,) = ads(description({"executable": "x", "MY.JobBatchName": written}, 1))
    except ConfigError:
        assert "\\" in value or "$$" in value or "$(" in value or not value.isprintable()
        return
    assert ad["JobBatchName"] == value


def test_hostile_names_arrive_as_they_are_or_are_refused(rendered, ads, hostile):
    arrived = 0
    for name in [*hostile, "$(Cluster)", "$$(Machine)", "$ENV(HOME)", '"', '" queue 9 "', "#", "100%"]:
        try:
            written = rendered({"name": name})[0]
        except ConfigError:
            assert "$(" in name or "$$" in name or "\\" in name or not name.isprintable()
            continue
        (ad,) = ads(written)
        assert ad["JobBatchName"] == name
        arrived += 1
    assert arrived >= 10

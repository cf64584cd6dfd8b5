"""What the event log of a job tells; the logs are a real HTCondor's, without its accounts of resources."""

from __future__ import annotations

import os

import pytest

from salt_core.interfaces.batch import State
from salt_plugins.batch.htcondor.events import ENDING, logged, states

SUBMITTED = "000 (007.000.000) 2026-11-25 00:49:22 Job submitted from host: <127.0.0.1:40599?addrs=x>\n...\n"
STARTED = (
    "001 (007.000.000) 2026-11-25 00:49:23 Job executing on host: <127.0.0.1:46871?addrs=x>\n"
    "\tSlotName: slot1_1@127-0-0-1.local\n...\n"
)
SIZED = "006 (007.000.000) 2026-11-25 00:49:23 Image size of job updated: 1\n\t5  -  MemoryUsage of job (MB)\n...\n"
AGAIN = (
    "004 (007.000.000) 2026-11-25 00:49:23 Job was evicted.\n"
    "\t(0) Job terminated and was requeued\n"
    "\t(1) Normal termination (return value 85)\n...\n"
)
EVICTED = "004 (007.000.000) 2026-11-25 00:49:38 Job was evicted.\n\t(0) CPU times\n...\n"
HELD = (
    "012 (007.000.000) 2026-11-25 00:49:29 Job was held.\n"
    "\tThe job attribute PeriodicHold expression 'JobStatus == 2' evaluated to TRUE\n\tCode 3 Subcode 0\n...\n"
)
RELEASED = (
    "013 (007.000.000) 2026-11-25 00:50:29 Job was released.\n\tvia condor_release (by user nobody)\n...\n"
)
REMOVED = "009 (007.000.000) 2026-11-25 00:49:38 Job was aborted.\n\tvia condor_rm (by user nobody)\n\n...\n"
REMOVED_BY_POLICY = (
    "009 (007.000.000) 2026-11-25 00:50:42 Job was aborted.\n"
    "\tThe job attribute PeriodicRemove expression 'CheckpointNumber >= 2' evaluated to TRUE\n...\n"
)
LOST = "007 (007.000.000) 2026-11-25 00:50:42 Shadow exception!\n\tError from slot1: no room\n...\n"
SUSPENDED = "010 (007.000.000) 2026-11-25 00:50:42 Job was suspended.\n\tNumber of processes: 1\n...\n"
RESUMED = "011 (007.000.000) 2026-11-25 00:50:43 Job was unsuspended.\n...\n"


def over(how):
    return (
        f"005 (007.000.000) 2026-11-25 00:49:29 Job terminated.\n\t{how}\n"
        "\t\tUsr 0 00:00:04, Sys 0 00:00:00  -  Run Remote Usage\n"
        "\tPartitionable Resources :    Usage  Request Allocated \n"
        "\n\tJob terminated of its own accord at 2026-11-25T00:48:27Z with exit-code 0.\n...\n"
    )


@pytest.mark.parametrize(
    ("log", "state"),
    [
        (SUBMITTED, State("waiting", "IDLE")),
        (SUBMITTED + STARTED + SIZED, State("running", "RUNNING")),
        (SUBMITTED + STARTED + AGAIN, State("waiting", "IDLE")),
        (SUBMITTED + STARTED + AGAIN + STARTED, State("running", "RUNNING")),
        (SUBMITTED + STARTED + EVICTED, State("waiting", "IDLE")),
        (SUBMITTED + STARTED + LOST, State("waiting", "IDLE")),
        (SUBMITTED + STARTED + SUSPENDED, State("held", "SUSPENDED")),
        (SUBMITTED + STARTED + SUSPENDED + RESUMED, State("running", "RUNNING")),
        (
            SUBMITTED + STARTED + HELD,
            State(
                "held", "HELD", "The job attribute PeriodicHold expression 'JobStatus == 2' evaluated to TRUE"
            ),
        ),
        (SUBMITTED + STARTED + HELD + RELEASED, State("waiting", "IDLE")),
        (
            SUBMITTED + STARTED + EVICTED + REMOVED,
            State("cancelled", "REMOVED", "via condor_rm (by user nobody)"),
        ),
        (
            SUBMITTED + STARTED + REMOVED_BY_POLICY,
            State(
                "failed",
                "REMOVED",
                "The job attribute PeriodicRemove expression 'CheckpointNumber >= 2' evaluated to TRUE",
            ),
        ),
        (SUBMITTED + STARTED + over("(1) Normal termination (return value 0)"), State("done", "COMPLETED")),
        (
            SUBMITTED + STARTED + over("(1) Normal termination (return value 3)"),
            State("failed", "COMPLETED", "exit status 3"),
        ),
        (
            SUBMITTED + STARTED + AGAIN + STARTED + over("(1) Normal termination (return value 85)"),
            State("failed", "COMPLETED", "exit status 85, stopped with a checkpoint"),
        ),
        (
            SUBMITTED + STARTED + over("(0) Abnormal termination (signal 9)"),
            State("failed", "COMPLETED", "ended by signal 9"),
        ),
    ],
)
def test_the_last_event_that_counts_tells_the_state(log, state):
    assert states(log) == {0: state}


def test_an_event_that_is_still_being_written_does_not_count():
    whole = over("(1) Normal termination (return value 0)")
    for length in range(len(whole) - 1):
        assert states(SUBMITTED + STARTED + whole[:length]) == {0: State("running", "RUNNING")}


def test_jobs_of_one_cluster_are_told_apart():
    def of(number, event):
        return event.replace("(007.000.", f"(007.{number:03d}.")

    log = "".join(of(i, SUBMITTED) for i in range(4)) + of(1, STARTED) + of(2, STARTED)
    log += of(2, over("(1) Normal termination (return value 0)")) + of(3, STARTED) + of(3, HELD)
    found = states(log)
    assert [found[i].phase for i in range(4)] == ["waiting", "running", "done", "held"]


def test_the_log_of_a_cluster_is_found_by_its_number(tmp_path):
    (tmp_path / f"one{ENDING}").write_text(SUBMITTED.replace("(007.", "(070."))
    (tmp_path / f"two{ENDING}").write_text(SUBMITTED + STARTED)
    (tmp_path / f"empty{ENDING}").write_text("")
    assert logged(tmp_path, 7) == {0: State("running", "RUNNING")}
    assert logged(tmp_path, 70) == {0: State("waiting", "IDLE")}
    assert logged(tmp_path, 8) == {}
    assert logged(tmp_path / "nowhere", 8) == {}


def test_of_two_clusters_with_one_number_the_later_one_is_meant(tmp_path):
    for age, (name, log) in enumerate(
        [("b", SUBMITTED + STARTED), ("a", SUBMITTED), ("c", SUBMITTED + HELD)]
    ):
        path = tmp_path / f"{name}{ENDING}"
        path.write_text(log)
        os.utime(path, (1000 - age, 1000 - age))
    assert logged(tmp_path, 7)[0].phase == "running"

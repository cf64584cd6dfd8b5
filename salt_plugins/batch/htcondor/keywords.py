"""Commands of a submit description, for HTCondor itself takes a misspelt one for a macro and says nothing."""

from __future__ import annotations

import difflib
import re

#: Written by the backend itself, and read by it again.
OWN = frozenset({"args", "arguments", "executable", "initial_dir", "initialdir", "job_iwd", "log", "queue"})

#: Commands of HTCondor 8.8 to 24 for jobs that run a program on a machine of the pool.
COMMANDS = """
accounting_group accounting_group_user allowed_execute_duration allowed_job_duration batch_name
checkpoint_destination checkpoint_exit_code concurrency_limits concurrency_limits_expr container_image
container_service_names container_target_dir core_size coresize cron_day_of_month
cron_day_of_week cron_hour cron_minute cron_month cron_prep_time cron_window cuda_version
deferral_prep_time deferral_time deferral_window description docker_image docker_network_type
docker_override_entrypoint docker_pull_policy docker_send_credentials dont_encrypt_input_files
dont_encrypt_output_files email_attributes encrypt_execute_directory encrypt_input_files
encrypt_output_files env environment erase_output_and_error_on_restart error getenv
gpus_maximum_capability gpus_minimum_capability gpus_minimum_memory gpus_minimum_runtime hold
hold_kill_sig hook_keyword image_size input job_ad_information_attrs job_lease_duration
job_machine_attrs job_machine_attrs_history_length job_max_vacate_time jobset keep_claim_idle kill_sig
kill_sig_timeout leave_in_queue load_profile log_xml manifest manifest_dir match_list_length
max_idle max_job_retirement_time max_materialize max_retries max_transfer_input_mb
max_transfer_output_mb next_job_start_delay nice_user noop_job noop_job_exit_code
noop_job_exit_signal notification notify_user on_exit_hold on_exit_hold_reason on_exit_hold_subcode
on_exit_remove output output_destination periodic_hold periodic_hold_reason periodic_hold_subcode
periodic_release periodic_remove periodic_vacate preferences preserve_relative_paths
primary_unix_group prio priority public_input_files rank remove_kill_sig request_cpus request_disk
request_gpus request_memory require_gpus requirements retry_until run_as_owner should_transfer_files
skip_filechecks stack_size stream_error stream_input stream_output submit_event_notes
submit_event_user_notes success_exit_code suspend_job_at_exec transfer_checkpoint_files
transfer_container transfer_error transfer_executable transfer_input transfer_input_files
transfer_output transfer_output_files transfer_output_remaps transfer_plugins ulog_execute_attrs
universe use_oauth_services use_scitokens use_x509userproxy want_graceful_removal want_io_proxy
when_to_transfer_output x509userproxy
"""

KNOWN = frozenset(COMMANDS.split())

#: Resources that a pool has beside the usual ones, such as ``request_tapes``.
CUSTOM_RESOURCE = re.compile(r"requ(est|ire)_[a-z]\w*", re.ASCII)

#: How much a custom resource may look like a command, which it is a misspelt one of beyond.
ALIKE = 0.85

ATTRIBUTE = re.compile(r"(?:\+|my\.)([a-z_]\w*)", re.ASCII | re.IGNORECASE)


def is_known(command: str) -> bool:
    """Tell whether HTCondor knows a command, written in lower case."""
    if command in KNOWN:
        return True
    misspelt = difflib.get_close_matches(command, KNOWN, n=1, cutoff=ALIKE)
    return CUSTOM_RESOURCE.fullmatch(command) is not None and not misspelt

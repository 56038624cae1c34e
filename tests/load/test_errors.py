"""Each directory of tests/errors is a faulty site, and what chainsaw says of it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError, in_file_order
from chainsaw.load.check import _PHRASES

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = sorted((ROOT / "tests/errors").iterdir())

ELSEWHERE = {
    "not-in-backup": "work/test_restore.py::test_a_file_that_the_backup_has_not_is_no_damage",
    "site-backup": "work/test_rebuild.py::test_a_backup_of_an_instance_is_told_apart",
    "rebuilding": "work/test_rebuild.py::test_another_backup_is_refused_meanwhile",
    "former": "work/test_rebuild.py::test_what_was_there_is_kept_aside_and_the_admins_own_files_stay_there",
    "containerfile": "compile/test_borders.py::test_what_reaches_beyond_a_build_is_refused_at_its_line",
    "ambiguous-recipe": "work/test_catalog.py::test_a_name_in_two_sources_is_ambiguous",
    "assignment": "cli/test_new.py::test_what_apply_would_refuse_is_not_written",
    "bad-manifest": "work/test_files_on_disk.py::test_a_manifest_of_another_version_is_refused",
    "bad-record": "work/test_files_on_disk.py::test_a_record_of_another_version_is_refused",
    "certificate": "work/test_pairs.py::test_what_is_wrong_with_a_certificate_of_the_admin",
    "no-host": "work/test_pairs.py::test_a_host_name_without_a_route_has_no_certificate",
    "backups-left": "work/test_leave.py::test_while_there_are_backups_nothing_is_deleted",
    "blocks": "cli/test_setup.py::test_a_number_of_blocks_is_a_number",
    "data-left": "work/test_remove.py::test_a_new_instance_does_not_get_the_data_of_one_that_was_removed",
    "declined": "cli/test_search_verbs.py::test_what_a_recipe_asks_for_is_shown_and_may_be_declined",
    "edited": "work/test_host.py::test_an_edited_file_stops_apply_unless_it_is_forced",
    "exists": "cli/test_new.py::test_it_never_overwrites",
    "authority-ended": "work/test_files_on_disk.py::test_no_certificate_outlives_the_authority_that_signed_it",
    "fault": "work/test_overlap.py::test_a_fault_of_chainsaw_in_a_switch_leaves_the_site_as_it_was",
    "file-too-large": "work/test_catalog.py::test_a_large_file_is_refused",
    "foreign": "work/test_host.py::test_what_others_put_where_a_link_belongs_is_left_alone",
    "git-busy": "work/test_history.py::test_while_a_merge_is_under_way_nothing_is_committed",
    "git-damaged": "work/test_worktree.py::test_a_deleted_branch_is_not_recreated_silently",
    "git-detached": "work/test_history.py::test_what_is_committed_on_no_branch_says_how_to_keep_it",
    "git-refused": "work/test_history.py::test_a_failed_commit_is_reported_and_nothing_is_lost",
    "git-repaired": "work/test_history.py::test_a_repository_that_a_power_cut_damaged_is_repaired",
    "in-use": "work/test_undo.py::test_while_chainsaw_is_in_use_nothing_is_changed",
    "incomplete": "work/test_host.py::test_an_installation_without_its_templates_says_so",
    "instances-left": "work/test_leave.py::test_while_there_is_an_instance_nothing_is_deleted",
    "level": "cli/test_recipe_verbs.py::test_a_recipe_that_is_not_well_formed_fails_level_1_and_its_record_says_so",
    "lint": "compile/test_lint.py::test_a_finding_points_at_the_place_of_the_problem",
    "locked": "work/test_files_on_disk.py::test_a_lock_is_waited_for_and_its_holder_is_named",
    "low-ports": "work/test_host.py::test_everything_missing_on_a_host_is_reported_with_the_command_that_fixes_it",
    "marker": "work/test_marker.py::test_a_wrong_answer_is_reported_with_the_step_and_the_answer",
    "misnamed": "load/test_recipe.py::test_a_file_of_an_instance_with_another_ending_is_not_left_out",
    "name": "cli/test_contract.py::test_a_failure_speaks_the_envelope_and_nothing_else",
    "no-component": "work/test_logs.py::test_a_component_that_there_is_not_is_refused_with_those_that_there_are",
    "not-applied": "work/test_logs.py::test_an_instance_that_is_only_declared_says_nothing_yet",
    "shared-origin": "plan/test_origins.py::test_those_that_share_an_origin_are_named",
    "pattern": "work/test_logs.py::test_a_pattern_that_is_none_is_refused",
    "no-authority": "cli/test_contract.py::test_a_failure_speaks_the_envelope_and_nothing_else",
    "no-generation": "work/test_files_on_disk.py::test_a_generation_that_is_not_there_is_named_with_those_that_are",
    "no-git": "work/test_history.py::test_without_git_there_is_a_warning",
    "no-image": "work/test_images.py::test_an_image_that_is_not_there_after_all_is_a_problem",
    "no-instance": "work/test_report.py::test_a_name_that_is_neither_declared_nor_there_is_refused_with_a_suggestion",
    "no-key": "work/test_config.py::test_a_key_that_there_is_not_is_refused_with_a_suggestion",
    "no-notify": "work/test_tell.py::test_where_nobody_is_to_be_told_the_next_step_is_shown",
    "not-sent": "work/test_channels.py::test_that_nothing_listens_is_said_with_the_address",
    "no-linger": "work/test_host.py::test_everything_missing_on_a_host_is_reported_with_the_command_that_fixes_it",
    "no-podman": "work/test_host.py::test_podman_is_asked_for_its_version_once",
    "no-program": "work/test_process.py::test_a_program_that_is_not_there_is_named",
    "no-reboot": "cli/test_recipe_verbs.py::test_a_test_that_waits_for_a_reboot_is_not_resumed_before_it",
    "no-recipe-file": "load/test_recipe.py::test_a_directory_without_recipe_yaml_is_refused",
    "no-recipes": "work/test_catalog.py::test_what_a_source_may_be",
    "no-rotation": "work/test_secrets.py::test_what_cannot_be_changed_is_refused",
    "no-secret": "cli/test_contract.py::test_a_failure_speaks_the_envelope_and_nothing_else",
    "no-source": "work/test_catalog.py::test_a_name_of_no_source_is_not_found",
    "no-storage": "work/test_host.py::test_everything_missing_on_a_host_is_reported_with_the_command_that_fixes_it",
    "no-trial": "cli/test_recipe_verbs.py::test_there_is_nothing_to_resume_where_no_test_waits_for_a_reboot",
    "no-user": "cli/test_contract.py::test_a_failure_speaks_the_envelope_and_nothing_else",
    "no-user-manager": "work/test_host.py::test_without_a_user_manager_nothing_is_done",
    "not-empty": "cli/test_render.py::test_a_directory_with_something_in_it_is_refused",
    "not-installed": "work/test_remove.py::test_a_recipe_that_is_not_installed_cannot_be_uninstalled",
    "not-kept": "cli/test_config_verbs.py::test_a_faulty_edit_is_not_kept_and_all_that_is_wrong_is_reported",
    "not-rotated": "work/test_secrets.py::test_an_application_that_does_not_take_a_value_keeps_the_one_that_it_has",
    "not-reloaded": "work/test_reload.py::test_a_server_that_does_not_react_is_an_error_after_a_timeout",
    "not-started": "work/test_phases.py::test_an_instance_that_does_not_start_leaves_the_others_alone",
    "not-yet": "cli/test_later.py::test_a_script_can_tell_it_from_a_failure",
    "note": "work/test_notes.py::test_a_note_is_one_line_of_text",
    "old-podman": "work/test_host.py::test_everything_missing_on_a_host_is_reported_with_the_command_that_fixes_it",
    "old-systemd": "work/test_host.py::test_everything_missing_on_a_host_is_reported_with_the_command_that_fixes_it",
    "podman-silent": "work/test_host.py::test_without_the_api_of_podman_nothing_is_known",
    "port-occupied": "work/test_host.py::test_a_port_that_is_taken_stops_apply_before_any_effect",
    "program-failed": "work/test_process.py::test_a_failed_program_is_reported_with_its_last_lines",
    "changed": "work/test_config.py::test_what_another_command_changed_during_an_edit_is_not_overwritten_unseen",
    "site-rolled-back": "work/test_overlap.py::test_a_switch_that_the_front_refuses_is_rolled_back",
    "systemd": "work/test_reload.py::test_what_systemd_refuses_is_an_error_like_any_other",
    "rolled-back": "work/test_report.py::test_a_failure_is_reported_with_the_state_of_the_instance",
    "recipe-changed": "work/test_catalog.py::test_an_installed_recipe_that_was_changed_is_refused",
    "version-missing": "work/test_catalog.py::test_a_version_is_found_wherever_it_is",
    "recipe-path": "load/test_recipe.py::test_a_file_that_could_leave_the_directory_is_refused",
    "recipe-size": "work/test_catalog.py::test_a_recipe_has_a_largest_size",
    "recipe-twice": "work/test_catalog.py::test_a_source_with_two_recipes_of_one_name_is_refused",
    "recipe-link": "work/test_catalog.py::test_a_link_in_a_recipe_is_refused",
    "root-user": "cli/test_contract.py::test_a_failure_speaks_the_envelope_and_nothing_else",
    "source": "work/test_catalog.py::test_what_a_source_may_be",
    "source-missing": "work/test_catalog.py::test_a_missing_repository_is_fetched_again",
    "source-key": "work/test_catalog.py::test_a_key_lets_only_signed_commits_in",
    "source-rewritten": "work/test_catalog.py::test_a_source_moves_on_only_to_what_follows",
    "source-size": "work/test_catalog.py::test_a_source_has_a_largest_number_of_files",
    "static-archive": "work/test_host.py::test_what_is_no_proper_archive_is_an_error",
    "static-size": "work/test_host.py::test_static_files_have_a_largest_number_and_size",
    "source-unreachable": "work/test_catalog.py::test_what_a_source_may_be",
    "source-unsigned": "work/test_catalog.py::test_a_key_lets_only_signed_commits_in",
    "static-path": "work/test_host.py::test_an_archive_that_leaves_its_root_is_refused",
    "stopped": "work/test_restart.py::test_what_is_stopped_is_not_started_by_a_restart",
    "target": "work/test_traffic.py::test_a_file_that_cannot_be_is_refused_before_anything_is_done",
    "time": "work/test_traffic.py::test_what_is_no_time_is_refused",
    "no-requests": "work/test_traffic.py::test_what_is_no_page_is_not_written",
    "no-page": "work/test_traffic.py::test_what_is_no_page_is_not_written",
    "system": "work/test_phases.py::test_a_refused_system_call_is_reported_with_its_fix",
    "unapplied": "work/test_rollback.py::test_changes_that_cannot_be_kept_are_not_overwritten",
    "unmounted-volume": "work/test_images.py::test_a_volume_that_nobody_mounts_would_lose_data",
    "unbounded": "work/test_undo.py::test_setup_says_when_the_connections_of_one_address_cannot_be_bounded",
    "unwritable": "work/test_host.py::test_a_file_that_the_application_could_not_write_is_an_error",
    "unreadable": "work/test_files_on_disk.py::test_what_is_not_there_is_no_error_and_what_cannot_be_read_is",
    "user-exists": "cli/test_site_users.py::test_what_cannot_be_is_refused_and_nothing_is_written",
    "user-and-group": "cli/test_site_users.py::test_what_cannot_be_is_refused_and_nothing_is_written",
    "unknown-user": "cli/test_site_users.py::test_what_cannot_be_is_refused_and_nothing_is_written",
    "users-full": "cli/test_site_users.py::test_there_are_as_many_users_as_the_login_service_takes",
    "users": "cli/test_site_users.py::test_a_file_that_cannot_be_used_is_named",
    "password": "cli/test_site_users.py::test_what_is_no_password_is_refused",
    "no-argon2": "cli/test_site_users.py::test_without_argon2_the_package_is_named",
    "usage": "cli/test_contract.py::test_a_failure_speaks_the_envelope_and_nothing_else",
    "empty-output": "work/test_repository.py::test_an_output_that_is_empty_is_an_error_and_no_snapshot",
    "endless": "work/test_bundle.py::test_what_a_program_prints_without_end_is_no_dump",
    "not-mounted": "work/test_backup.py::test_a_place_without_what_was_there_is_not_mounted",
    "odd-name": "work/test_sets.py::test_a_name_that_restic_cannot_list_is_an_error_if_it_was_changed",
    "no-data": "work/test_repository.py::test_a_volume_that_is_not_there_is_found_before",
    "no-repository": "work/test_repository.py::test_an_exit_code_is_an_error_that_says_what_to_do",
    "repository": "work/test_repository.py::test_an_exit_code_is_an_error_that_says_what_to_do",
    "repository-locked": "work/test_repository.py::test_an_exit_code_is_an_error_that_says_what_to_do",
    "repository-password": "work/test_repository.py::test_an_exit_code_is_an_error_that_says_what_to_do",
    "repository-damaged": "work/test_repository.py::test_damage_is_named_without_restics_advice",
    "password-file": "work/test_repository.py::test_a_password_that_others_can_read_is_refused",
    "not-saved": "work/test_repository.py::test_a_snapshot_that_is_not_whole_is_removed",
    "not-forgotten": "work/test_repository.py::test_that_nothing_was_removed_is_found_out",
    "stalled": "work/test_repository.py::test_a_program_that_makes_no_progress_is_ended",
    "backup": "work/test_stored.py::test_the_newest_good_one_is_meant",
    "backup-option": "work/test_backup.py::test_what_is_neither_place_nor_recipient_is_refused_before_anything",
    "bundle": "work/test_restore.py::test_a_first_member_of_something_else_is_refused",
    "copy": "work/test_backup.py::test_a_copy_that_is_another_is_no_backup",
    "damaged": "work/test_backup.py::test_a_wrong_key_is_told_apart_from_nothing",
    "drill-dump": "work/test_drill_look.py::test_what_is_not_as_listed_is_a_problem",
    "drill-page": "work/test_drill_look.py::test_what_is_not_as_listed_is_a_problem",
    "drill-volume": "work/test_drill_look.py::test_what_is_not_as_listed_is_a_problem",
    "dumped-volume": "work/test_restore.py::test_a_volume_that_is_kept_as_a_dump_comes_back_with_all_the_rest",
    "empty-dump": "work/test_backup.py::test_a_dump_that_is_empty_is_no_backup",
    "encrypted": "work/test_backup.py::test_what_is_encrypted_says_nothing_without_the_key",
    "file-path": "work/test_restore.py::test_a_path_that_leads_elsewhere_is_refused",
    "index": "work/test_stored.py::test_an_index_that_cannot_be_read_is_a_warning",
    "key": "work/test_backup.py::test_an_age_that_makes_no_key_is_named",
    "newer-backup": "work/test_restore.py::test_what_only_a_newer_chainsaw_knows_says_so",
    "newer-recipe": "work/test_restore.py::test_a_recipe_that_only_a_newer_chainsaw_knows_says_so",
    "no-backup": "work/test_stored.py::test_a_name_of_none_is_refused_with_a_suggestion",
    "no-place": "work/test_stored.py::test_a_place_that_is_not_there_now_is_a_warning",
    "no-progress": "work/test_streams.py::test_what_moves_no_byte_is_ended",
    "no-space": "work/test_backup.py::test_a_full_disk_is_found_before_anything_is_written",
    "no-volume": "work/test_restore.py::test_a_volume_that_there_is_not_is_refused_with_those_that_there_are",
    "not-backed-up": "work/test_restore.py::test_what_cannot_be_backed_up_is_not_deleted",
    "not-encrypted": "work/test_backup.py::test_on_another_host_it_is_only_written_encrypted",
    "not-held": "work/test_backup.py::test_what_stops_holding_before_its_time_is_an_error",
    "not-placed": "work/test_restore.py::test_a_file_comes_back_while_the_application_works",
    "record": "work/test_backup.py::test_a_name_of_the_site_that_is_none_says_what_deleting_it_means",
    "removed": "work/test_restore.py::test_what_was_removed_and_not_purged_is_not_covered",
    "restored-hook": "work/test_restore.py::test_a_command_of_the_recipe_that_fails_afterwards_is_told",
    "shrunken": "work/test_backup.py::test_much_less_data_than_before_is_an_error_unless_it_is_right",
    "yaml-depth": "load/test_strict_yaml.py::test_yaml_features_that_are_not_allowed_are_refused",
    "yaml-size": "load/test_strict_yaml.py::test_yaml_features_that_are_not_allowed_are_refused",
}
"""Codes to which no faulty text leads, each with the test that does."""

IN_THE_MACHINE = {
    "ids-exhausted": "a host on which nearly all of the 32 bits are given away",
    "no-certificate": "an authority that refuses, or a certificate that was not imported yet",
    "not-shown": "a front that does not show what it was given",
    "nginx": "nginx of the front's image refuses the files",
    "no-fuse": "a file system without reflinks, and no fuse-overlayfs",
    "not-root": "setup by the admin without sudo",
    "probe": "an instance that is up and answers wrongly",
    "quadlet": "Podman's generator refuses the quadlets",
}
"""Codes that need systemd, Podman or another host, each with how it comes about; tests/system is where they belong."""


def codes_in(text):
    """Yield the codes of the diagnostics that a module makes."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            code = {"Diagnostic": 0, "_warning": 0, "self.refuse": 3, "_at": 3}.get(called)
            given = node.args[code : code + 1] if code is not None else []
            given += [item.value for item in node.keywords if item.arg == "code"]
            yield from (item.value for item in given if isinstance(item, ast.Constant))


def test_every_code_has_a_case_or_a_test(compiled):
    made = {code for path in (ROOT / "chainsaw").rglob("*.py") for code in codes_in(path.read_text())}
    made |= {kind.replace("_", "-") for kind in _PHRASES}
    shown = {item.code for case in CASES for item in refused(case, compiled).diagnostics}
    assert made - shown - ELSEWHERE.keys() - IN_THE_MACHINE.keys() == set()
    assert (ELSEWHERE.keys() | IN_THE_MACHINE.keys()) - made == set()
    assert (ELSEWHERE.keys() & IN_THE_MACHINE.keys()) | (shown & ELSEWHERE.keys()) == set()


@pytest.mark.parametrize(("code", "place"), ELSEWHERE.items())
def test_the_listed_test_of_a_code_exists(code, place):
    path, name = place.split("::")
    text = (ROOT / "tests" / path).read_text()
    assert f"def {name}(" in text


def refused(case, compiled):
    """Return the error with which a case is refused."""
    with pytest.raises(ChainsawError) as caught:
        compiled(case)
    return caught.value


def test_a_faulty_site_is_refused_with_the_expected_message(faulty, compiled, update):
    error = refused(faulty, compiled)
    found = "\n".join(item.render() for item in error.diagnostics) + f"\nexit: {error.exit.value}\n"
    if update:
        (faulty / "expected.err").write_text(found)
    assert found == (faulty / "expected.err").read_text()


def test_every_problem_has_a_place_and_shows_the_line(faulty, compiled):
    for item in refused(faulty, compiled).diagnostics:
        if item.file.endswith((".yaml", ".j2", ".conf")) and item.code != "instance-name" and "unit-" not in item.code:
            assert re.match(r"[a-z/.A-Z0-9_-]+:[0-9]+:[0-9]+: .", item.headline()), item
            assert item.source or item.code == "missing", item
            assert len(item.source) >= item.column - 1, item
        assert item.file or item.code == "block-overlap", item


def test_all_problems_are_reported_in_the_order_of_the_files(compiled):
    error = refused(ROOT / "tests/errors/several-faults-in-several-files", compiled)
    assert error.diagnostics == in_file_order(error.diagnostics)
    assert {item.file for item in error.diagnostics} == {
        "site.yaml",
        *(f"instances/{name}.yaml" for name in ("blog", "club", "www", "zoo")),
    }

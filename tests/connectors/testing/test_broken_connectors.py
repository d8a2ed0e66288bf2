"""The kit catches what is broken, by the test that names it; a kit that cannot fail is worth nothing."""

from tests.connectors.testing.conftest import Judge, suite

pytest_plugins = ["pytester"]

CAUGHT = {
    "SendsTwiceOnARetry": "test_what_was_taken_is_not_taken_again",
    "CallsALossADelivery": "test_what_did_not_arrive_is_not_called_delivered",
    "AlwaysFinds": "test_what_never_left_is_not_found_when_asked",
    "NeverFinds": "test_what_arrived_is_found_when_asked",
    "RendersWithChance": "test_the_same_request_gives_the_same_bytes",
    "RendersWithTheDay": "test_writing_looks_at_no_clock_takes_no_chance_and_touches_nothing",
    "RendersWithHash": "test_another_process_writes_the_same_bytes",
    "SwallowsACancellation": "test_an_order_is_cancelled",
    "CutsTexts": "test_a_text_of_any_length_does_no_harm",
    "RoundsPrices": "test_a_price_is_not_rounded",
    "ShowsItsSecret": "test_no_secret_is_shown_or_stored",
    "KeepsItsSecretInTheOpen": "test_a_setting_that_sounds_secret_is_kept_as_one",
    "WritesWhatItDenies": "test_what_a_setting_takes_away_is_denied_and_nothing_else",
    "ContradictsItself": "test_its_claims_agree_with_each_other",
    "IsAlwaysWell": "test_its_check_says_so_when_it_cannot_get_in",
    "LeaksValueError": "test_known_tricks_are_turned_away",
    "TakesFromAnybody": "test_a_message_with_a_flaw_is_not_taken",
    "TakesAtItsDoor": "test_what_is_polled_is_not_taken_at_our_door",
    "HearsOnlyTheFirstPart": "test_a_line_is_answered_in_parts",
    "PassesOverStrangers": "test_goods_that_were_not_ordered_are_put_on_no_line",
    "TakesOneForAnother": "test_different_messages_have_different_keys",
    "LosesWhatItPolled": "test_a_crash_before_it_is_kept_loses_nothing",
    "ThanksForThanks": "test_an_acknowledgement_is_not_acknowledged",
    "MixesUpNumbers": "test_the_far_side_could_read_a_document_and_names_it_by_its_control_number",
}


def test_what_is_broken_is_caught_by_the_test_that_names_it(judge: Judge) -> None:
    suites = "".join(suite(connector, peer="Folder") for connector in CAUGHT)
    ran = judge(suites, *(f"test_judged.py::Test{connector}::{test}" for connector, test in CAUGHT.items()))
    failed = [line.split()[1].partition("[")[0] for line in ran.outlines if line.startswith("FAILED")]
    caught = {connector: test for _, connector, test in (node.split("::") for node in failed)}
    assert caught == {f"Test{connector}": test for connector, test in CAUGHT.items()}
    assert ran.parseoutcomes().get("errors", 0) == 0


def test_what_is_sound_passes_where_the_example_flips(judge: Judge) -> None:
    suites = suite("TakesNewLines") + suite("Polite", peer="PoliteFolder") + suite("AsksThere")
    chosen = (
        "TakesNewLines and added or Polite and (acknowledge or control_number or could or clock) or AsksThere and asked"
    )
    ran = judge(suites, "-k", chosen)
    assert not ran.parseoutcomes().keys() & {"failed", "errors", "skipped"}
    for flipped in ("no add_line", "no acknowledges", "no syntax_ack", "no lookup"):
        ran.stdout.no_fnmatch_line(f"*): {flipped}*")
    assert ran.parseoutcomes()["passed"] > 10

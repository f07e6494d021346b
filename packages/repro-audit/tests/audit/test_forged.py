"""A real manifest is changed in one place and signed again, its trace beside it: that is noticed.

Whoever forges one recomputes every digest that the file holds; what tells is the rest of it.
"""

import copy

import pytest
from manifests import EXAMPLES, NAMES, OTHER_DIGEST, document, rerun, run_id, sealed

from repro_audit.audit import audit, exit_code
from repro_audit.canonical import digest_json
from repro_audit.errors import TraceError
from repro_audit.manifest import parse
from repro_audit.trace import find_trace

FORGERIES = {}


def forgery(change):
    """Register a way to forge a document in place."""
    FORGERIES[change.__name__] = change
    return change


def fit_of(document):
    return document["outcomes"]["fits"][0]


def asked_of(document):
    return document["conditions"]["training"]["fits"][0]["arguments"]


def optimizer_of(document):
    return document["conditions"]["training"]["models"][0]["optimizer"]["config"]


@forgery
def a_better_history(document):
    history = fit_of(document)["history"]
    for name in history:
        history[name] = [0.99 if "acc" in name else 0.01] * len(history[name])


@forgery
def a_better_loss_that_a_float32_may_be(document):
    fit_of(document)["history"]["loss"] = [0.5]


@forgery
def a_better_evaluation(document):
    results = document["outcomes"]["evaluations"][0]["results"]
    results.update({name: 0.9871 if "acc" in name else 0.02 for name in results})


@forgery
def a_history_whose_digest_was_forgotten(document):
    fit_of(document)["history"]["val_loss"] = [0.5]
    return "as it was"


@forgery
def another_run_id(document):
    document["run_id"] = "0" * 31 + "7"


@forgery
def the_run_id_of_a_run_that_began_a_second_later(document):
    document["run_id"] = document["run_id"][:20] + f"{int(document['run_id'][20:], 16) + 1000:012x}"


@forgery
def more_steps(document):
    fit_of(document)["steps"] = 100_000


@forgery
def one_step_less(document):
    fit_of(document)["steps"] -= 1


@forgery
def more_steps_and_as_many_rows(document):
    fit_of(document)["steps"] = document["outcomes"]["trace"]["rows"] = 126


@forgery
def more_epochs_asked_for(document):
    asked_of(document)["epochs"] = 50


@forgery
def an_accuracy_above_1(document):
    fit_of(document)["history"]["val_accuracy"] = [1.75]


@forgery
def an_accuracy_below_0(document):
    fit_of(document)["history"]["val_accuracy"] = [-0.5]


@forgery
def an_accuracy_that_no_float32_is(document):
    fit_of(document)["history"]["val_accuracy"] = [0.123456789012345]


@forgery
def more_samples(document):
    document["conditions"]["data"]["train"]["samples"] = 60_000


@forgery
def samples_and_their_array(document):
    train = document["conditions"]["data"]["train"]
    train["samples"] = 60_000
    train["arrays"][0]["shape"][0] = 60_000


@forgery
def another_learning_rate(document):
    optimizer_of(document)["learning_rate"] = 5.0


@forgery
def a_learning_rate_of_another_last_bit(document):
    optimizer_of(document)["learning_rate"] *= 1 + 2**-22


@forgery
def another_layer(document):
    layers = document["conditions"]["training"]["models"][0]["config"]["config"]["layers"]
    layers[-1]["config"]["units"] = 100


@forgery
def a_beginning_after_the_end(document):
    document["information"]["started"] = "2036-01-01T00:00:00+00:00"


@forgery
def a_shorter_run(document):
    document["information"]["duration_s"] = 0.5


@forgery
def other_initial_weights(document):
    document["outcomes"]["initial_weights"][0][-1]["digest"] = "sha256:" + "7" * 64


@forgery
def another_state_of_a_seed_generator(document):
    tensors = document["outcomes"]["initial_weights"][0]
    (first, *_) = (item for item in tensors if item["role"] == "seed_generator_state")
    first["digest"] = "sha256:" + "7" * 64


def forged(change, base=None):
    """Return the file of a changed document with all of its digests made anew."""
    value = copy.deepcopy(document() if base is None else base)
    how = change(value)
    outcomes = value["outcomes"]
    digests = outcomes["digests"]
    if how is None:
        digests["history"] = digest_json(
            [
                [fit["history"] for fit in outcomes["fits"]],
                [item["results"] for item in outcomes["evaluations"]],
            ]
        )
        digests["initial_weights"] = digest_json(outcomes["initial_weights"])
    return sealed(value)


def judged(*contents):
    """Return the audit of manifests beside each of which the example's own trace lies."""
    manifests = [parse(content, f"{at}.json") for at, content in enumerate(contents)]
    place = EXAMPLES / f"{NAMES[0]}.json"
    return audit(*manifests, traces=[find_trace(place, item) for item in manifests])


def untouched(_):
    """Forge nothing."""


def test_what_was_only_signed_again_is_as_good_as_before():
    result = judged(forged(untouched))
    assert (result.verdict, exit_code(result)) == ("controlled", 0)
    assert judged(forged(untouched), forged(untouched, rerun())).verdict == "identical"


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_manifest_is_inconclusive_and_what_gives_it_away_comes_first(name):
    result = judged(forged(FORGERIES[name]))
    assert (result.verdict, exit_code(result)) == ("inconclusive", 2)
    assert result.reason.startswith("the evidence contradicts itself: ")
    assert result.manifests[0].findings[0].contradicts


@pytest.mark.parametrize("name", FORGERIES)
def test_two_runs_that_were_forged_alike_are_never_identical(name):
    other = rerun()
    other["run_id"] = run_id(5)
    result = judged(forged(FORGERIES[name]), forged(FORGERIES[name], other))
    assert result.verdict == "inconclusive"


def test_a_trace_that_is_not_the_manifests_is_refused():
    def another_trace(document):
        document["outcomes"]["digests"]["trace"] = OTHER_DIGEST

    with pytest.raises(TraceError, match="as the manifest says"):
        judged(forged(another_trace))


def test_a_copy_under_another_id_of_the_same_moment_is_one_run_given_twice():
    copied = document()
    copied["run_id"] = run_id(9)
    result = judged(forged(untouched), forged(untouched, copied))
    assert result.verdict == "inconclusive"
    assert "one run is given twice" in result.reason

import base64
import marshal

import pytest

from repro_audit.capture.functions import with_digests_of_code


def config(source, file="/home/ada/train.py"):
    """Return what Keras makes of a layer with a lambda in a file."""
    code = compile(source, file, "eval").co_consts[0]
    text = base64.encodebytes(marshal.dumps(code)).decode()
    function = {"class_name": "__lambda__", "config": {"code": text, "defaults": None}}
    return {"class_name": "Lambda", "config": {"function": function, "units": [1, 2]}}


def test_the_code_of_a_lambda_names_no_file_and_is_the_same_in_another_one():
    here, there = config("lambda x: x * 2"), config("\n\nlambda x: x * 2", "/srv/eve/x.py")
    assert here != there
    assert with_digests_of_code(here) == with_digests_of_code(there)
    assert "sha256:" in str(with_digests_of_code(here))


@pytest.mark.parametrize(
    "other",
    ["lambda x: x * 3", "lambda x: x + 2", "lambda y, x: x * 2", "lambda x: (lambda y: y)(x) * 2"],
)
def test_another_lambda_has_another_digest(other):
    assert with_digests_of_code(config("lambda x: x * 2")) != with_digests_of_code(config(other))


def test_a_set_in_a_lambda_has_no_order():
    one, other = (config(f"lambda x: x in {{{text}}}") for text in ("'a','b','c'", "'c','b','a'"))
    assert with_digests_of_code(one) == with_digests_of_code(other)


def test_what_is_no_lambda_stays():
    plain = {"class_name": "Dense", "config": {"code": "x", "units": [1, {"a": None}]}}
    assert with_digests_of_code(plain) == plain

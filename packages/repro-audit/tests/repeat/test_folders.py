import pytest

from repro_audit.repeat.folders import clean_log

KEY = [
    "-----BEGIN RSA PRIVATE KEY-----",
    *(f"hunter2{n:04}" for n in range(40)),
    "-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("before", [0, 64 * 1024 - 300, 64 * 1024 - 40, 64 * 1024, 200_000])
def test_a_log_keeps_all_but_what_is_private_wherever_that_stands(tmp_path, before):
    log = tmp_path / "log.txt"
    lines = ["loss: 0.25 | acc: 0.5"] * (before // 22)
    log.write_text("\n".join([*lines, *KEY, "token=hunter2", "the end"]) + "\n")
    clean_log(log)
    text = log.read_text()
    assert "hunter2" not in text
    assert text.splitlines()[: len(lines)] == lines
    assert text.endswith("\ntoken=<secret:f52f>\nthe end\n")
    assert list(tmp_path.iterdir()) == [log]


def test_a_log_that_is_no_text_keeps_its_bytes(tmp_path):
    log = tmp_path / "log.txt"
    content = b"\xff\xfe 50%\r100%\r\nno end"
    log.write_bytes(content)
    clean_log(log)
    assert log.read_bytes() == content


def test_a_log_that_is_not_there_is_no_failure(tmp_path):
    clean_log(tmp_path / "log.txt")
    assert list(tmp_path.iterdir()) == []

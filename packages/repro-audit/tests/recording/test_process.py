"""What a process that was forked keeps of its parent's recording."""

from __future__ import annotations

import os

from repro_audit.recording.process.current import Process


class Automatic:
    """Records a script that does not record itself."""

    def begin(self) -> None: ...

    def give_way(self) -> None: ...


def test_a_forked_child_is_not_recorded_and_knows_what_control_has_set() -> None:
    """The recording is its parent's; seeds and op determinism hold in the child as well."""
    process = Process()
    process.automatic = Automatic()
    process.controlled.seed = 7
    process.controlled.op_determinism = "before_first_op"
    process.patches.replace("os", "getlogin", lambda _: lambda: "nobody", lost="$")
    assert os.getlogin() == "nobody"
    process._forked()
    assert process.is_child
    assert process.automatic is None
    assert process.request is None
    assert getattr(os.getlogin, "__name__", "") == "getlogin", "every hook is out"
    assert (process.controlled.seed, process.controlled.op_determinism) == (7, "before_first_op")

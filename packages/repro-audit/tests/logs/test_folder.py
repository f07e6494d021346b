import pytest
from event_files import event, event_file, simple
from manifests import EXAMPLES

from repro_audit.errors import ManifestError
from repro_audit.logs import read_folder
from repro_audit.manifest import load


@pytest.fixture
def run(tmp_path):
    """Return what writes the events of one folder, and returns the whole."""

    def run(folder, *values, tag="epoch_loss", name="events.out.tfevents.1"):
        path = tmp_path / folder
        path.mkdir(parents=True, exist_ok=True)
        events = [event(step, simple(tag, value)) for step, value in enumerate(values)]
        (path / name).write_bytes(event_file(events))
        return tmp_path

    return run


def test_training_and_validation_of_one_run_are_one_history(run):
    run("logs/validation", 4.0, 3.0)
    root = run("logs/train", 2.0, 1.0) / "logs"
    assert load(root).outcomes.fits[0].history == {"loss": (2.0, 1.0), "val_loss": (4.0, 3.0)}
    assert load(root / "validation").outcomes.fits[0].history == {"val_loss": (4.0, 3.0)}


def test_files_of_a_folder_follow_each_other_as_they_were_begun(run):
    run("logs", 1.0, name="events.out.tfevents.2")
    fits = load(run("logs", 3.0, 2.0) / "logs").outcomes.fits
    assert [fit.history["loss"] for fit in fits] == [(3.0, 2.0), (1.0,)]


def test_a_folder_below_has_its_name_before_its_curves(run):
    run("logs", 1.0, tag="loss")
    root = run("logs/lr", 0.5, tag="adam")
    assert load(root / "logs").outcomes.fits[0].history == {"loss": (1.0,), "lr/adam": (0.5,)}


def test_the_events_of_several_runs_are_refused_with_the_names_of_the_runs(run):
    run("logs/one/train", 1.0)
    root = run("logs/two/train", 1.0)
    with pytest.raises(ManifestError, match=r"event files of 2 runs: one, two\. Give one"):
        load(root / "logs")


def test_two_folders_of_equal_events_are_two_runs_and_one_is_one(run):
    run("a", 1.0)
    root = run("b", 1.0)
    assert load(root / "a").run_id == load(root / "a").run_id != load(root / "b").run_id


def test_a_folder_without_events_is_refused_with_the_manifests_in_it(tmp_path):
    (tmp_path / "history.json").write_text('{"loss": [1.0]}')
    with pytest.raises(ManifestError, match=r"without a manifest or TensorBoard's event files"):
        read_folder(tmp_path)
    with pytest.raises(ManifestError, match=r"Name the manifests in it: threads-1.json, threads-2"):
        read_folder(EXAMPLES)


def test_a_link_is_not_followed(run, tmp_path):
    outside = run("outside", 1.0) / "outside"
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/train").symlink_to(outside)
    (tmp_path / "logs/events.out.tfevents.1").symlink_to(outside / "events.out.tfevents.1")
    with pytest.raises(ManifestError, match="is a folder without"):
        read_folder(tmp_path / "logs")


def test_more_than_64_mib_of_events_are_refused_before_they_are_read(run):
    root = run("logs", 1.0)
    with (root / "logs/events.out.tfevents.2").open("wb") as file:
        file.truncate(64 * 2**20)
    with pytest.raises(ManifestError, match="more than 64 MiB of event files"):
        read_folder(root / "logs")


def test_a_file_that_its_writer_has_not_begun_is_passed_over(run):
    root = run("logs", 1.0)
    (root / "logs/events.out.tfevents.2").touch()
    assert load(root / "logs").evidence == "history"

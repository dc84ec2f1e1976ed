"""`judge.enter`: an own version is judged, and then race, bench and dashboard know it."""

import pytest

from lstm_kernels import data, versions
from lstm_kernels.judge import judge
from lstm_kernels.lab.estimates import feasible, pace
from lstm_kernels.lab.figures.race import color_of, draw_race
from lstm_kernels.lab.figures.style import OWN_COLOR
from lstm_kernels.lab.measure import grid
from lstm_kernels.lab.measure.race import race
from lstm_kernels.lab.measure.results import speedup, where_it_runs
from lstm_kernels.lab.measure.timing import Workload
from lstm_kernels.versions import VERSIONS, get_version, own_versions
from tests.judge.own import around_numpy, copied, gradients_of

WELL = "return theirs(params, x, y)"


@pytest.fixture(autouse=True)
def none_stays():
    yield
    for name in own_versions():
        del VERSIONS[name]


@pytest.fixture
def workload():
    return Workload(*data.panel(8, T=3), batch_size=4, H=3)


def enter_numpy(name="mine"):
    judge.enter(name, gradients_of(copied("numpy_batched")))


def test_a_right_version_is_entered_and_raced_beside_the_others(workload, capsys):
    enter_numpy()
    said = capsys.readouterr().out
    assert said.startswith("mine: right. CPU: it launches no kernel.\nmine is entered: ")
    assert own_versions() == ("mine",) and where_it_runs("mine") == "CPU"
    assert get_version("mine").__doc__.startswith("Loss and gradients of one batch.")
    rows = race(workload, ("numpy_batched", "mine"), budget=0.01)
    assert [row.failed for row in rows] == [False, False]
    assert speedup(rows, "mine", "numpy_batched") > 0
    assert "mine" in draw_race([("Own", workload, rows)]).alt
    assert color_of("mine") == OWN_COLOR


def test_a_version_with_kernels_is_told_by_what_it_launches(capsys):
    judge.enter("with kernels", gradients_of(copied("cuda_v2")))
    assert "is entered" in capsys.readouterr().out
    assert where_it_runs("with kernels") == "emulated on CPU"
    assert versions.launches_kernels("with kernels")


def test_the_bench_takes_it_with_all_others(monkeypatch, capsys):
    enter_numpy()
    raced = []
    monkeypatch.setattr(
        grid.race, "race", lambda workload, names, **more: raced.extend(names) or []
    )
    monkeypatch.setattr(grid.race, "torch_rows", lambda workload, **more: [])
    grid.run(grid.Grid((2,), (3,), (2,)), 0.01, on_text=lambda text: None)
    assert raced == list(versions.COURSE + versions.BEYOND) + ["mine"]


def test_the_dashboard_offers_it_checked(capsys):
    widgets = pytest.importorskip("lstm_kernels.lab.widgets.race")
    enter_numpy()
    board = widgets.Race()
    assert "mine" in board.versus.versions() and "mine" in board.scale.boxes


def test_its_pace_is_its_own_and_a_new_ones_is_probed_anew(workload, monkeypatch, capsys):
    """An estimate for an unknown version comes from probes of its code."""
    probed = []
    monkeypatch.setattr(pace, "probe", lambda version, T, N, H: probed.append(version) or 1e-3)
    enter_numpy()
    assert feasible.refusal("mine", workload) == ""
    first = len(probed)
    assert first > 0 and set(probed) == {"mine"}
    feasible.refusal("mine", workload)
    assert len(probed) == first, "once for each code"
    enter_numpy()
    feasible.refusal("mine", workload)
    assert len(probed) == 2 * first


def test_entered_again_it_replaces_the_one_before_and_is_checked_anew(workload, capsys):
    enter_numpy()
    before = get_version("mine").gradients
    enter_numpy()
    assert get_version("mine").gradients is not before and own_versions() == ("mine",)
    VERSIONS["mine"].gradients = gradients_of(
        around_numpy("loss, g = theirs(params, x, y)\nreturn loss, g._replace(B=2 * g.B)")
    )
    (row,) = race(workload, ("mine",), budget=0.01)
    assert row.failed and "dB is" in row.note, "also behind the judge's back"


def test_a_wrong_one_is_shown_and_not_entered(capsys):
    judge.enter("mine", gradients_of(around_numpy("return 2 * theirs(params, x, y)[0], params")))
    assert capsys.readouterr().out.startswith("mine: not yet. the loss is ")
    assert own_versions() == ()


def test_a_wrong_one_leaves_the_right_one_of_this_name(capsys):
    enter_numpy()
    right = get_version("mine").gradients
    judge.enter("mine", gradients_of(around_numpy("return None")))
    assert get_version("mine").gradients is right


@pytest.mark.parametrize("name", ["cuda_v2", "numpy_batched"])
def test_a_name_of_the_course_is_refused(name):
    course = VERSIONS[name]
    with pytest.raises(ValueError, match=f"'{name}' is a version of the course"):
        judge.enter(name, gradients_of(copied("numpy_batched")))
    assert VERSIONS[name] is course


@pytest.mark.parametrize("name", ["", " mine", "a" * 25, "<b>", "a\nb", "$x$", 7, None])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ValueError, match="is not 1 to 24 letters"):
        judge.enter(name, gradients_of(around_numpy(WELL)))


def test_only_a_function_can_be_put_beside_the_others():
    with pytest.raises(TypeError, match=r"gradients is 3; it must be a function"):
        versions.enter("mine", 3)

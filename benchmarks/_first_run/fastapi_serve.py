import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    plan: str
    region: str
    months: int
    fee: float | None
    calls: int


app = FastAPI()
model = joblib.load("model.joblib")


@app.post("/predict")
def predict(rows: list[Row]):
    frame = pd.DataFrame([row.model_dump() for row in rows])
    return {"predictions": model.predict_proba(frame)[:, 1].tolist()}

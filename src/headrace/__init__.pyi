# Written by `make stub` from the name table and the members; `make check` holds it to them.

from headrace.transformation import ops as ops
from headrace.client import AsyncClient as AsyncClient
from headrace.client import Client as Client
from headrace.dataset import Dataset as Dataset
from headrace.errors import HeadraceError as HeadraceError
from headrace.evaluation import Limits as Limits
from headrace.evaluation import WeakSlices as WeakSlices
from headrace.model import Model as Model
from headrace.orchestration import each as each
from headrace.orchestration import open_store as open_store
from headrace.orchestration import pipeline as pipeline
from headrace.orchestration import step as step
from headrace.orchestration.verbs import analyze as analyze
from headrace.orchestration.verbs import approval as approval
from headrace.orchestration.verbs import champion as champion
from headrace.orchestration.verbs import evaluate as evaluate
from headrace.orchestration.verbs import evaluate_predictions as evaluate_predictions
from headrace.orchestration.verbs import gate as gate
from headrace.orchestration.verbs import infer_schema as infer_schema
from headrace.orchestration.verbs import ingest as ingest
from headrace.orchestration.verbs import inspect as inspect
from headrace.orchestration.verbs import latest as latest
from headrace.orchestration.verbs import load_schema as load_schema
from headrace.orchestration.verbs import predict as predict
from headrace.orchestration.verbs import previous as previous
from headrace.orchestration.verbs import push as push
from headrace.orchestration.verbs import train as train
from headrace.orchestration.verbs import transform as transform
from headrace.orchestration.verbs import tune as tune
from headrace.orchestration.verbs import validate as validate
from headrace.orchestration.verbs import when as when
from headrace.schema import Schema as Schema
from headrace.training import Choice as Choice
from headrace.training import Float as Float
from headrace.training import Int as Int
from headrace.transformation import Columns as Columns
from headrace.transformation import Expression as Expression

# Members: one file each, found by name.
from headrace.adapters.bigquery.source import BigQuery as BigQuery
from headrace.adapters.duckdb.source import DuckDB as DuckDB
from headrace.adapters.kafka.stream import Kafka as Kafka
from headrace.adapters.lightgbm.trainer import LightGBM as LightGBM
from headrace.adapters.optuna.searcher import Optuna as Optuna
from headrace.adapters.postgres.source import Postgres as Postgres
from headrace.adapters.pubsub.stream import PubSub as PubSub
from headrace.adapters.sklearn.trainer import Sklearn as Sklearn
from headrace.adapters.torch.trainer import Torch as Torch
from headrace.adapters.xgboost.trainer import XGBoost as XGBoost
from headrace.evaluation.metrics.accuracy import Accuracy as Accuracy
from headrace.evaluation.metrics.average_precision import AveragePrecision as AveragePrecision
from headrace.evaluation.metrics.balanced_accuracy import BalancedAccuracy as BalancedAccuracy
from headrace.evaluation.metrics.brier import Brier as Brier
from headrace.evaluation.metrics.calibration_ratio import CalibrationRatio as CalibrationRatio
from headrace.evaluation.metrics.cohen_kappa import CohenKappa as CohenKappa
from headrace.evaluation.metrics.cost_weighted_error import CostWeightedError as CostWeightedError
from headrace.evaluation.metrics.expected_calibration_error import ExpectedCalibrationError as ExpectedCalibrationError
from headrace.evaluation.metrics.expected_profit import ExpectedProfit as ExpectedProfit
from headrace.evaluation.metrics.f1 import F1 as F1
from headrace.evaluation.metrics.false_negative_rate import FalseNegativeRate as FalseNegativeRate
from headrace.evaluation.metrics.false_positive_rate import FalsePositiveRate as FalsePositiveRate
from headrace.evaluation.metrics.jaccard import Jaccard as Jaccard
from headrace.evaluation.metrics.kolmogorov_smirnov import KolmogorovSmirnov as KolmogorovSmirnov
from headrace.evaluation.metrics.log_loss import LogLoss as LogLoss
from headrace.evaluation.metrics.matthews_corrcoef import MatthewsCorrcoef as MatthewsCorrcoef
from headrace.evaluation.metrics.mean_absolute_error import MeanAbsoluteError as MeanAbsoluteError
from headrace.evaluation.metrics.mean_absolute_percentage_error import (
    MeanAbsolutePercentageError as MeanAbsolutePercentageError,
)
from headrace.evaluation.metrics.mean_bias import MeanBias as MeanBias
from headrace.evaluation.metrics.mean_pinball_loss import MeanPinballLoss as MeanPinballLoss
from headrace.evaluation.metrics.mean_squared_log_error import MeanSquaredLogError as MeanSquaredLogError
from headrace.evaluation.metrics.positive_rate import PositiveRate as PositiveRate
from headrace.evaluation.metrics.precision import Precision as Precision
from headrace.evaluation.metrics.quantile_coverage import QuantileCoverage as QuantileCoverage
from headrace.evaluation.metrics.r2 import R2 as R2
from headrace.evaluation.metrics.recall import Recall as Recall
from headrace.evaluation.metrics.roc_auc import RocAuc as RocAuc
from headrace.evaluation.metrics.root_mean_squared_error import RootMeanSquaredError as RootMeanSquaredError
from headrace.evaluation.metrics.specificity import Specificity as Specificity
from headrace.ingestion.sources.csv import Csv as Csv
from headrace.ingestion.sources.files import Files as Files
from headrace.ingestion.sources.jsonl import Jsonl as Jsonl
from headrace.ingestion.sources.parquet import Parquet as Parquet
from headrace.ingestion.sources.tfrecord import TFRecord as TFRecord
from headrace.ingestion.streams.lines import Lines as Lines
from headrace.routing.policies.canary import Canary as Canary
from headrace.routing.policies.epsilon_greedy import EpsilonGreedy as EpsilonGreedy
from headrace.routing.policies.shadow import Shadow as Shadow
from headrace.routing.policies.single import Single as Single
from headrace.routing.policies.thompson import Thompson as Thompson
from headrace.routing.policies.ucb1 import Ucb1 as Ucb1
from headrace.tuning.searchers.gaussian_process import GaussianProcess as GaussianProcess
from headrace.tuning.searchers.random import Random as Random

__version__: str

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
from headrace.evaluation.metrics.brier_skill import BrierSkill as BrierSkill
from headrace.evaluation.metrics.calibration_ratio import CalibrationRatio as CalibrationRatio
from headrace.evaluation.metrics.calibration_slope import CalibrationSlope as CalibrationSlope
from headrace.evaluation.metrics.coefficient_of_discrimination import (
    CoefficientOfDiscrimination as CoefficientOfDiscrimination,
)
from headrace.evaluation.metrics.cohen_kappa import CohenKappa as CohenKappa
from headrace.evaluation.metrics.cost_weighted_error import CostWeightedError as CostWeightedError
from headrace.evaluation.metrics.coverage_error import CoverageError as CoverageError
from headrace.evaluation.metrics.d2_log_loss import D2LogLoss as D2LogLoss
from headrace.evaluation.metrics.d2_tweedie import D2Tweedie as D2Tweedie
from headrace.evaluation.metrics.diagnostic_odds_ratio import DiagnosticOddsRatio as DiagnosticOddsRatio
from headrace.evaluation.metrics.expected_calibration_error import ExpectedCalibrationError as ExpectedCalibrationError
from headrace.evaluation.metrics.expected_profit import ExpectedProfit as ExpectedProfit
from headrace.evaluation.metrics.explained_variance import ExplainedVariance as ExplainedVariance
from headrace.evaluation.metrics.f1 import F1 as F1
from headrace.evaluation.metrics.f1_macro import F1Macro as F1Macro
from headrace.evaluation.metrics.f1_micro import F1Micro as F1Micro
from headrace.evaluation.metrics.f1_of import F1Of as F1Of
from headrace.evaluation.metrics.f1_samples import F1Samples as F1Samples
from headrace.evaluation.metrics.f1_weighted import F1Weighted as F1Weighted
from headrace.evaluation.metrics.false_discovery_rate import FalseDiscoveryRate as FalseDiscoveryRate
from headrace.evaluation.metrics.false_negative_rate import FalseNegativeRate as FalseNegativeRate
from headrace.evaluation.metrics.false_omission_rate import FalseOmissionRate as FalseOmissionRate
from headrace.evaluation.metrics.false_positive_rate import FalsePositiveRate as FalsePositiveRate
from headrace.evaluation.metrics.fbeta import Fbeta as Fbeta
from headrace.evaluation.metrics.fowlkes_mallows import FowlkesMallows as FowlkesMallows
from headrace.evaluation.metrics.gain import Gain as Gain
from headrace.evaluation.metrics.geometric_mean import GeometricMean as GeometricMean
from headrace.evaluation.metrics.hamming_loss import HammingLoss as HammingLoss
from headrace.evaluation.metrics.hinge_loss import HingeLoss as HingeLoss
from headrace.evaluation.metrics.informedness import Informedness as Informedness
from headrace.evaluation.metrics.jaccard import Jaccard as Jaccard
from headrace.evaluation.metrics.jaccard_samples import JaccardSamples as JaccardSamples
from headrace.evaluation.metrics.kolmogorov_smirnov import KolmogorovSmirnov as KolmogorovSmirnov
from headrace.evaluation.metrics.label_ranking_average_precision import (
    LabelRankingAveragePrecision as LabelRankingAveragePrecision,
)
from headrace.evaluation.metrics.label_ranking_loss import LabelRankingLoss as LabelRankingLoss
from headrace.evaluation.metrics.lift import Lift as Lift
from headrace.evaluation.metrics.log_loss import LogLoss as LogLoss
from headrace.evaluation.metrics.markedness import Markedness as Markedness
from headrace.evaluation.metrics.matthews_corrcoef import MatthewsCorrcoef as MatthewsCorrcoef
from headrace.evaluation.metrics.max_error import MaxError as MaxError
from headrace.evaluation.metrics.mean_absolute_error import MeanAbsoluteError as MeanAbsoluteError
from headrace.evaluation.metrics.mean_absolute_percentage_error import (
    MeanAbsolutePercentageError as MeanAbsolutePercentageError,
)
from headrace.evaluation.metrics.mean_average_precision import MeanAveragePrecision as MeanAveragePrecision
from headrace.evaluation.metrics.mean_bias import MeanBias as MeanBias
from headrace.evaluation.metrics.mean_gamma_deviance import MeanGammaDeviance as MeanGammaDeviance
from headrace.evaluation.metrics.mean_label import MeanLabel as MeanLabel
from headrace.evaluation.metrics.mean_pinball_loss import MeanPinballLoss as MeanPinballLoss
from headrace.evaluation.metrics.mean_poisson_deviance import MeanPoissonDeviance as MeanPoissonDeviance
from headrace.evaluation.metrics.mean_prediction import MeanPrediction as MeanPrediction
from headrace.evaluation.metrics.mean_reciprocal_rank import MeanReciprocalRank as MeanReciprocalRank
from headrace.evaluation.metrics.mean_squared_error import MeanSquaredError as MeanSquaredError
from headrace.evaluation.metrics.mean_squared_log_error import MeanSquaredLogError as MeanSquaredLogError
from headrace.evaluation.metrics.mean_tweedie_deviance import MeanTweedieDeviance as MeanTweedieDeviance
from headrace.evaluation.metrics.median_absolute_error import MedianAbsoluteError as MedianAbsoluteError
from headrace.evaluation.metrics.ndcg import Ndcg as Ndcg
from headrace.evaluation.metrics.negative_likelihood_ratio import NegativeLikelihoodRatio as NegativeLikelihoodRatio
from headrace.evaluation.metrics.negative_predictive_value import NegativePredictiveValue as NegativePredictiveValue
from headrace.evaluation.metrics.positive_likelihood_ratio import PositiveLikelihoodRatio as PositiveLikelihoodRatio
from headrace.evaluation.metrics.positive_rate import PositiveRate as PositiveRate
from headrace.evaluation.metrics.precision import Precision as Precision
from headrace.evaluation.metrics.precision_at_k import PrecisionAtK as PrecisionAtK
from headrace.evaluation.metrics.precision_at_recall import PrecisionAtRecall as PrecisionAtRecall
from headrace.evaluation.metrics.precision_macro import PrecisionMacro as PrecisionMacro
from headrace.evaluation.metrics.precision_micro import PrecisionMicro as PrecisionMicro
from headrace.evaluation.metrics.precision_of import PrecisionOf as PrecisionOf
from headrace.evaluation.metrics.precision_samples import PrecisionSamples as PrecisionSamples
from headrace.evaluation.metrics.precision_weighted import PrecisionWeighted as PrecisionWeighted
from headrace.evaluation.metrics.prevalence import Prevalence as Prevalence
from headrace.evaluation.metrics.quantile_coverage import QuantileCoverage as QuantileCoverage
from headrace.evaluation.metrics.r2 import R2 as R2
from headrace.evaluation.metrics.recall import Recall as Recall
from headrace.evaluation.metrics.recall_at_false_positive_rate import (
    RecallAtFalsePositiveRate as RecallAtFalsePositiveRate,
)
from headrace.evaluation.metrics.recall_at_k import RecallAtK as RecallAtK
from headrace.evaluation.metrics.recall_at_precision import RecallAtPrecision as RecallAtPrecision
from headrace.evaluation.metrics.recall_macro import RecallMacro as RecallMacro
from headrace.evaluation.metrics.recall_micro import RecallMicro as RecallMicro
from headrace.evaluation.metrics.recall_of import RecallOf as RecallOf
from headrace.evaluation.metrics.recall_samples import RecallSamples as RecallSamples
from headrace.evaluation.metrics.recall_weighted import RecallWeighted as RecallWeighted
from headrace.evaluation.metrics.roc_auc import RocAuc as RocAuc
from headrace.evaluation.metrics.roc_auc_ovo import RocAucOvo as RocAucOvo
from headrace.evaluation.metrics.roc_auc_ovr import RocAucOvr as RocAucOvr
from headrace.evaluation.metrics.roc_auc_ovr_weighted import RocAucOvrWeighted as RocAucOvrWeighted
from headrace.evaluation.metrics.root_mean_squared_error import RootMeanSquaredError as RootMeanSquaredError
from headrace.evaluation.metrics.root_mean_squared_log_error import RootMeanSquaredLogError as RootMeanSquaredLogError
from headrace.evaluation.metrics.specificity import Specificity as Specificity
from headrace.evaluation.metrics.specificity_at_recall import SpecificityAtRecall as SpecificityAtRecall
from headrace.evaluation.metrics.squared_pearson import SquaredPearson as SquaredPearson
from headrace.evaluation.metrics.subset_accuracy import SubsetAccuracy as SubsetAccuracy
from headrace.evaluation.metrics.top_k_accuracy import TopKAccuracy as TopKAccuracy
from headrace.evaluation.metrics.zero_one_loss import ZeroOneLoss as ZeroOneLoss
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

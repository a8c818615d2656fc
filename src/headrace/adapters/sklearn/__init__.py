"""scikit-learn: linear models, forests, boosted trees and small networks."""

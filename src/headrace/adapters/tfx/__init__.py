"""TFX: schemas and statistics as the protocol buffers of TensorFlow Data Validation."""

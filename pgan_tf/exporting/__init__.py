"""Exports to SavedModel, ONNX, TF.js and LiteRT."""

"""Exports to SavedModel, ONNX, TF.js, LiteRT and safetensors."""

"""Dependencies point one way, and files stay readable."""

import ast
import pathlib

ROOT = pathlib.Path(__file__).parent.parent

# Later rows may import earlier ones, never the other way round.
LAYERS = (
    ("tfrecords.errors",),
    ("tfrecords.bounds",),
    ("tfrecords.checked_flags", "tfrecords.flag_errors"),
    ("pgan_tf.interruption", "pgan_tf.workers", "pgan_tf.unseen_gpu", "pgan_tf.whole_file"),
    ("pgan_tf.preemption", "pgan_tf.together"),
    ("pgan_tf.per_resolution",),
    ("pgan_tf.checks",),
    ("pgan_tf.network_config", "pgan_tf.schedule_config", "pgan_tf.loss_config"),
    ("pgan_tf.config",),
    ("pgan_tf.schedule", "pgan_tf.winograd"),
    ("pgan_tf.cost", "pgan_tf.class_weights"),
    ("pgan_tf.convolution", "pgan_tf.layer_shapes"),
    ("pgan_tf.setting_flags",),
    ("pgan_tf.whole_file", "pgan_tf.write_errors", "pgan_tf.run_files"),
    ("pgan_tf.checkpoint_checks", "pgan_tf.checkpoint_file", "pgan_tf.checkpoint_names"),
    ("pgan_tf.sizes", "pgan_tf.official.unpickler", "pgan_tf.official.names"),
    ("pgan_tf.failures", "pgan_tf.limits"),
    ("pgan_tf.official.theano",),
    ("pgan_tf.official.networks",),
    ("pgan_tf.equalized", "pgan_tf.fused_adam"),
    (
        "pgan_tf.layers",
        "pgan_tf.minibatch_discrimination",
        "pgan_tf.score_noise",
        "pgan_tf.rectifiers",
    ),
    ("pgan_tf.loss_scale",),
    (
        "pgan_tf.flops",
        "pgan_tf.networks",
        "pgan_tf.losses",
        "pgan_tf.reals",
        "pgan_tf.sampling",
    ),
    ("pgan_tf.order", "pgan_tf.records", "pgan_tf.bad_records"),
    ("pgan_tf.growth", "pgan_tf.dataset", "pgan_tf.progress", "pgan_tf.distribution"),
    ("pgan_tf.state", "pgan_tf.exporting.inference", "pgan_tf.official.models"),
    ("pgan_tf.official",),
    ("pgan_tf.train_step", "pgan_tf.run_folder"),
    ("pgan_tf.checkpoint",),
    ("pgan_tf.measurement", "pgan_tf.fallback", "pgan_tf.metrics_file"),
    ("pgan_tf.run_log",),
    ("pgan_tf.stage_benchmark",),
    ("pgan_tf.benchmark",),
    ("pgan_tf.dry_run", "pgan_tf.trial"),
    ("pgan_tf.tick", "pgan_tf.given_weights", "pgan_tf.trained", "pgan_tf.exporting.signatures"),
    ("pgan_tf.init_from",),
    ("pgan_tf.tolerance",),
    ("pgan_tf.paper.modes", "pgan_tf.paper.digits"),
    ("pgan_tf.metrics.metric", "pgan_tf.metrics.laplacian", "pgan_tf.metrics.score"),
    ("pgan_tf.metrics.sliced_wasserstein", "pgan_tf.metrics.ms_ssim"),
    ("pgan_tf.metrics.inception_file",),
    ("pgan_tf.metrics.inception_graph",),
    ("pgan_tf.metrics.features", "pgan_tf.metrics.frechet_distance"),
    ("pgan_tf.metrics.kernel_distance", "pgan_tf.metrics.precision_recall"),
    ("pgan_tf.metrics.inception_score",),
    ("pgan_tf.metrics.shape_modes", "pgan_tf.metrics.chart"),
    ("pgan_tf.metrics.by_name", "pgan_tf.metrics.evaluation", "pgan_tf.metrics.score_log"),
    ("pgan_tf.metrics.in_training", "pgan_tf.metric_flags"),
    ("pgan_tf.paper.experiments", "pgan_tf.paper.digit_files"),
    ("pgan_tf.paper.measured",),
    ("pgan_tf.paper.running", "pgan_tf.paper.growth_chart", "pgan_tf.paper.mode_score"),
    ("pgan_tf.paper.mode_test",),
    ("pgan_tf.paper.__main__",),
    ("pgan_tf.training_loop", "pgan_tf.network_flags"),
    ("pgan_tf.train_flags", "pgan_tf.trained_flags"),
    ("pgan_tf.train_checks",),
    ("pgan_tf.run_history", "pgan_tf.flags_file", "pgan_tf.generating.nearest"),
    ("pgan_tf.run_data",),
    ("pgan_tf.exporting.warmup", "pgan_tf.exporting.description"),
    ("pgan_tf.exporting.manifest",),
    ("pgan_tf.exporting.export", "pgan_tf.exporting.gallery"),
    ("pgan_tf.exporting.page_files",),
    ("pgan_tf.exporting.saved_model", "pgan_tf.exporting.tfjs_graph", "pgan_tf.exporting.extras"),
    ("pgan_tf.exporting.tfjs", "pgan_tf.exporting.onnx_model", "pgan_tf.exporting.litert"),
    ("pgan_tf.exporting.formats",),
    ("pgan_tf.generating.interpolation", "pgan_tf.generating.requests"),
    ("pgan_tf.generating.painter", "pgan_tf.generating.output"),
    ("pgan_tf.metrics.exported",),
    ("pgan_tf.generating.video",),
    ("pgan_tf.generating.pictures", "pgan_tf.generating.walk_video"),
    ("pgan_tf.generating.neighbours",),
    ("pgan_tf.generating.training_video", "pgan_tf.reporting.charts"),
    ("pgan_tf.reporting.growth_strip",),
    ("pgan_tf.reporting.page",),
    ("pgan_tf.reporting.report_file",),
    ("pgan_tf.report",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
PURE = (
    *("per_resolution", "checks", "network_config", "schedule_config", "loss_config", "config"),
    *("schedule", "cost", "flops", "workers", "layer_shapes", "sizes", "limits"),
)


def sources():
    return [*(ROOT / "pgan_tf").rglob("*.py"), *(ROOT / "tfrecords").rglob("*.py")]


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_point_one_way():
    for path in sources():
        importer = module_of(path)
        for imported in imports_of(path):
            if importer.startswith("pgan_tf.") and imported in RANK:
                assert importer in RANK, f"{importer}: give it a place in LAYERS"
                assert RANK[imported] < RANK[importer], f"{importer} imports {imported}"


def test_tfrecords_knows_nothing_of_pgan_tf():
    for path in (ROOT / "tfrecords").rglob("*.py"):
        assert not any(name.startswith("pgan_tf") for name in imports_of(path)), path


def test_pure_modules_need_no_tensorflow():
    for name in PURE:
        imported = set(imports_of(ROOT / "pgan_tf" / f"{name}.py"))
        assert not {name.split(".")[0] for name in imported} & {"tensorflow", "keras"}, name


def test_flags_are_read_in_command_line_files_only():
    allowed = {"tfrecords.command_line", "tfrecords.create", "tfrecords.inspect"} | {
        "tfrecords.picture_flags",
        "tfrecords.checked_flags",
        "tfrecords.flag_errors",
        "pgan_tf.setting_flags",
        "pgan_tf.train_flags",
        "pgan_tf.network_flags",
        "pgan_tf.metric_flags",
        "pgan_tf.trained_flags",
        "pgan_tf.report",
        "pgan_tf.benchmark",
        "pgan_tf.paper.__main__",
        "pgan_tf.paper.mode_test",
    }
    for path in sources():
        if module_of(path) not in allowed:
            assert not any(name.startswith("absl") for name in imports_of(path)), path


def test_files_can_be_read_in_one_sitting():
    for path in [*sources(), *ROOT.glob("*.py")]:
        assert len(path.read_text().splitlines()) <= 300, path

"""Ways to break the good plugin, each in exactly one place, and what the kit says of each."""

from __future__ import annotations

from attrs import frozen


@frozen
class Broken:
    """One way to break the good plugin: in ``file``, ``old`` becomes ``new``; which test of ``kit`` says what."""

    kit: str
    file: str
    old: str
    new: str
    test: str
    message: str


def plugin(old: str, new: str, test: str, message: str, file: str = "plugin.py") -> Broken:
    return Broken("PluginConformance", file, old, new, test, message)


def step(old: str, new: str, test: str, message: str) -> Broken:
    return Broken("StepConformance", "steps.py", old, new, test, message)


def metric(old: str, new: str, test: str, message: str, file: str = "metrics.py") -> Broken:
    return Broken("MetricConformance", file, old, new, test, message)


def check(old: str, new: str, test: str, message: str) -> Broken:
    return Broken("CheckConformance", "checks.py", old, new, test, message)


def output(old: str, new: str, test: str, message: str, file: str = "outputs.py") -> Broken:
    return Broken("OutputConformance", file, old, new, test, message)


def reader(old: str, new: str, test: str, message: str) -> Broken:
    return Broken("ReaderConformance", "readers.py", old, new, test, message)


def augmentation(old: str, new: str, test: str, message: str) -> Broken:
    return Broken("AugmentationConformance", "augment.py", old, new, test, message)


def schematic(old: str, new: str, test: str, message: str, file: str = "plugin.py") -> Broken:
    return Broken("SchematicConformance", file, old, new, test, message)


def recipe(old: str, new: str, test: str, message: str, file: str = "plugin.py") -> Broken:
    return Broken("RecipeConformance", file, old, new, test, message)


# A step that writes into the volume behind the back of the core.
MUTATES = """    volume.array.flags.writeable = True
    volume.array[0, 0, 0] = 55
    yield Edit"""

BROKEN = {
    # --- the plugin
    "misspelt hook": plugin(
        "def pycemrg_recipes", "def pycemrg_recipies", "test_it_loads",
        "does not load: unknown hook 'pycemrg_recipies'; did you mean 'pycemrg_recipes'",
    ),
    "unmarked hook": plugin(
        "@hookimpl\ndef pycemrg_metrics", "def pycemrg_metrics", "test_it_loads",
        "pycemrg_metrics is not marked with @hookimpl",
    ),
    "hook with an argument": plugin(
        "def pycemrg_steps()", "def pycemrg_steps(config)", "test_it_loads",
        "pycemrg_steps takes no arguments, but asks for 'config'",
    ),
    "hook that wants to be first": plugin(
        "@hookimpl\ndef pycemrg_steps", "@hookimpl(tryfirst=True)\ndef pycemrg_steps", "test_it_loads",
        "pycemrg_steps asks for an order or wraps other hooks",
    ),
    "hook that wraps": plugin(
        "@hookimpl\ndef pycemrg_steps", "@hookimpl(wrapper=True)\ndef pycemrg_steps", "test_it_loads",
        "pycemrg_steps asks for an order or wraps other hooks",
    ),
    "record of another type": plugin(
        "def pycemrg_recipes():", "def pycemrg_recipes():\n    yield 'sealed'", "test_it_loads",
        "pycemrg_recipes must return Recipe records, not 'sealed'",
    ),
    "name that cannot be": plugin(
        'name="PACKAGE.sealed"', 'name="../sealed"', "test_it_loads", "name '../sealed' must be 1 to 80 letters",
    ),
    "name given twice": plugin(
        'name="PACKAGE.apart"', 'name="PACKAGE.mass"', "test_it_loads",
        "pycemrg_metrics returns the name 'PACKAGE.mass' twice",
    ),
    "other records each time": plugin(
        'def pycemrg_recipes():\n    yield Recipe(name="PACKAGE.sealed"',
        'def pycemrg_recipes(calls=[0]):\n    calls[0] += 1\n    yield Recipe(name=f"PACKAGE.sealed{calls[0]}"',
        "test_its_hooks_repeat_themselves",
        "PACKAGE.plugin returns other records when its hooks are called again (recipe 'PACKAGE.sealed1', "
        "recipe 'PACKAGE.sealed2'); return the same ones each time",
    ),
    "reference to nothing": plugin(
        'Ref("PACKAGE.metrics:mass")', 'Ref("PACKAGE.metrics:weight")', "test_its_references_resolve",
        "metric 'PACKAGE.mass', function: module 'PACKAGE.metrics' has no 'weight' (from 'PACKAGE.metrics:weight'); "
        "correct the Ref or the module it names",
    ),
    "step that takes too little": plugin(
        "def seal(volume, contract)", "def seal(volume)", "test_its_references_fit",
        "step 'PACKAGE.seal' (PACKAGE.steps:seal): run must take 2 arguments", "steps.py",
    ),
    "contract that can be changed": plugin(
        "@frozen(kw_only=True)", "@define(kw_only=True)", "test_its_references_fit",
        "can be changed after it is made; make it with attrs.frozen", "steps.py",
    ),
    "field without a role": plugin(
        'gap: Label = reads("GAP_NAME")', "gap: Label", "test_its_references_fit",
        "SealCreationContract.gap has no role; declare it with reads(), writes()", "steps.py",
    ),
    "metric of one that takes two": plugin(
        "Measures.STRUCTURES", "Measures.STRUCTURE", "test_its_references_fit",
        "metric 'PACKAGE.apart' (PACKAGE.metrics:apart): function must take 1 argument",
    ),
    "augmentation without a generator": plugin(
        "def brighten(sample, rng, most=0.1)", "def brighten(sample)", "test_its_references_fit",
        "augmentation 'PACKAGE.brighten' (PACKAGE.augment:brighten): function must take 2 arguments", "augment.py",
    ),
    "command that is a function": plugin(
        '@click.command("PACKAGE-weigh")\n', "", "test_its_references_fit", "not a click command", "cli.py",
    ),
    "command of another name": plugin(
        '@click.command("PACKAGE-weigh")', '@click.command("weigh")', "test_its_commands_have_their_names",
        "command 'PACKAGE-weigh': the click command PACKAGE.cli:weigh is called 'weigh'; "
        "use @click.command('PACKAGE-weigh')", "cli.py",
    ),
    "heavy import": plugin(
        "from pycemrg_core.api import", "import numpy\nfrom pycemrg_core.api import", "test_its_module_is_light",
        "importing PACKAGE.plugin imports numpy, which slows down every pycemrg --help; move the code to another "
        "module and refer to it by Ref",
    ),
    "print at import": plugin(
        "@hookimpl\ndef pycemrg_steps", "print('Welcome')\n@hookimpl\ndef pycemrg_steps", "test_its_module_is_quiet",
        "importing PACKAGE.plugin prints 'Welcome', which would appear in every command; remove it",
    ),
    # --- steps
    "nothing to check": Broken(
        "StepConformance", "plugin.py", "def pycemrg_steps():", "def pycemrg_steps():\n    return",
        "test_there_is_something_to_check",
        "plugin PACKAGE.plugin contributes no step; remove this class, or return one from the hook",
    ),
    "does not load": Broken(
        "StepConformance", "plugin.py", "def pycemrg_steps()", "def pycemrg_steps(config)",
        "test_there_is_something_to_check", "plugin PACKAGE.plugin does not load: pycemrg_steps takes no arguments",
    ),
    "step with a field without a role": step(
        'gap: Label = reads("GAP_NAME")', "gap: Label", "test_its_function_and_contract_fit",
        "step 'PACKAGE.seal' (PACKAGE.steps:seal): SealCreationContract.gap has no role",
    ),
    "field of another type": step(
        "wall: Label", "wall: str", "test_its_contract_round_trips",
        "give every field the type that its function makes (Label, float, int, tuple[...])",
    ),
    "crash where there is nothing": step(
        "    yield Edit", "    first = np.argwhere(mask)[0]\n    yield Edit", "test_it_runs",
        "step 'PACKAGE.seal' (PACKAGE.steps:seal) raised IndexError: index 0 is out of bounds for axis 0 with size 0 "
        "on the label map 'one voxel' of shape (1, 1, 1); the volume is read-only, and where there is nothing to do "
        "a step returns no edit",
    ),
    "mask of integers": step(
        "Edit(zone.region, mask,", "Edit(zone.region, mask.astype(np.uint8),", "test_its_edits_fit",
        "an edit's mask is uint8; it must be boolean (mask.astype(bool))",
    ),
    "mask of another shape": step(
        "Edit(zone.region, mask,", "Edit(zone.region, np.pad(mask, 1),", "test_its_edits_fit",
        "does not fit an image of shape",
    ),
    "no edit": step("yield Edit(", "yield (", "test_its_edits_fit", "not an Edit"),
    "undeclared label": step(
        "mask, contract.target.value", "mask, contract.wall.value", "test_it_writes_what_it_declares",
        "writes 1 on the label map 'anisotropic', but its contract declares only 3; declare the label with writes()",
    ),
    "changes the volume": step(
        "    yield Edit", MUTATES, "test_it_leaves_its_input_alone",
        "changes the voxels it is given ('anisotropic'); return edits instead",
    ),
    "changes nothing": step(
        "    yield Edit", "    mask = mask & False\n    yield Edit", "test_it_changes_something",
        "changes no voxel of a label map that holds every label it reads; override the fixtures 'contract' or "
        "'volume'",
    ),
    "another result each time": step(
        "contract.thickness_mm,", "contract.thickness_mm * (1 + next(CALLS) % 2),", "test_it_repeats_itself",
        "gives another result for the same input",
    ),
    "spacing of one axis only": step(
        "contract.thickness_mm,", "contract.thickness_mm * volume.spacing[0],", "test_it_is_the_same_along_every_axis",
        "gives another result when the image is stored with axes in turn",
    ),
    "eight bits": step(
        "(volume.array[zone.region] ==", "(volume.array[zone.region].astype(np.uint8) ==",
        "test_it_takes_labels_beyond_255", "gives another result when all labels are larger by 300",
    ),
    # --- metrics
    "parameter of another name": metric(
        '{"density": 1.05}', '{"densty": 1.05}', "test_it_takes_its_parameters",
        "metric 'PACKAGE.mass' (PACKAGE.metrics:mass), Measures.STRUCTURE: function must take 1 argument and densty",
        "plugin.py",
    ),
    "text instead of a number": metric(
        "* density", "* density and 'heavy'", "test_it_returns_a_number", "returned 'heavy', not a number",
    ),
    "NaN for a heart": metric(
        "* density", "* np.nan", "test_it_returns_a_number", "returned nan for an ordinary label map",
    ),
    "refuses a heart": metric(
        "if not one.voxels or not other.voxels:", "if one.voxels:", "test_it_returns_a_number",
        "raised MetricError: one of the structures is absent for an ordinary label map",
    ),
    "crash where it is absent": metric(
        "    a, b = comparison.masks", "    a, b = comparison.masks\n    np.argwhere(a)[0]", "test_it_gets_along",
        "metric 'PACKAGE.overlap' (PACKAGE.metrics:overlap) raised IndexError: index 0 is out of bounds for axis 0 "
        "with size 0 on the label maps 'first label absent'; where it has no meaning return NaN, or raise MetricError",
    ),
    "changes the image": metric(
        "def error(pair):", "def error(pair):\n    pair.prediction.clip(0, 1.5, out=pair.prediction)",
        "test_it_leaves_its_input_alone", "changes what it is given; work on a copy",
    ),
    "another number each time": metric(
        "* density", "* density + next(CALLS)", "test_it_repeats_itself", "for the same input; it must depend on",
    ),
    "size of one axis only": metric(
        "structure.volume.voxel_mm3", "structure.spacing[0] ** 3", "test_it_is_the_same_along_every_axis",
        "when the image is stored with axes in turn",
    ),
    # --- checks
    "two arguments": check(
        "def leaks(heart):", "def leaks(heart, limit):", "test_its_function_fits",
        "check 'PACKAGE.leaks' (PACKAGE.checks:leaks): function must take 1 argument: missing a required argument",
    ),
    "crash where nothing is": check(
        "    lumens = heart.lumens", "    lumens = heart.lumens\n    lumens[0]", "test_it_runs",
        "raised IndexError: tuple index out of range on the label map 'labels absent'; a label of the recipe may be",
    ),
    "text instead of a finding": check(
        "yield heart.finding(", "yield 'leak'\n                yield heart.finding(", "test_its_findings_say_where",
        "yields 'leak', not a Finding on the label map 'anisotropic'; make findings with heart.finding()",
    ),
    "a place outside": check(
        "np.argwhere(heart.volume.mask(a))", "np.argwhere(heart.volume.mask(a)) + 900", "test_its_findings_say_where",
        "yields a finding at voxel (",
    ),
    "a label that is nowhere": check(
        "(a, b), places", "(a, 77), places", "test_its_findings_say_where",
        "yields a finding about the label 77, which the heart does not have",
    ),
    "writes into the heart": check(
        "    lumens = heart.lumens",
        "    lumens = heart.lumens\n    v = heart.volume.array\n    v.flags.writeable = True\n    v[0, 0, 0] = 2",
        "test_it_leaves_its_input_alone", "changes the heart it is given ('anisotropic'); only look at it",
    ),
    "other findings each time": check(
        "faces=faces", "faces=faces + next(CALLS)", "test_it_repeats_itself",
        "gives other findings for the same heart; it must depend only on its argument",
    ),
    "the size of one axis": check(
        "faces=faces", "faces=heart.volume.array.shape[0]", "test_it_is_the_same_along_every_axis",
        "when the image is stored with axes in turn: error of (1, 3) became error of (1, 3)",
    ),
    # --- outputs
    "an output without its run": output(
        "def counted(run, made):", "def counted(made):", "test_its_function_fits",
        "output 'PACKAGE.count' (PACKAGE.outputs:counted): function must take 2 arguments: too many positional",
    ),
    "an output that nobody has": output(
        'needs=("PACKAGE.count",)', 'needs=("PACKAGE.counts",)', "test_its_function_fits",
        "output 'PACKAGE.share' (PACKAGE.outputs:shared): it needs the output 'PACKAGE.counts': no output is called",
        "plugin.py",
    ),
    "text instead of bytes": output(
        'return Made(f"{share:.3f}".encode())', 'return Made(f"{share:.3f}")', "test_it_runs",
        "cannot be made from a small run: output 'PACKAGE.share' of PACKAGE (module PACKAGE.plugin): "
        "content must be bytes: use .encode()",
    ),
    "other bytes each time": output(
        'Made(f"{share:.3f}', 'Made(f"{share + next(CALLS):.3f}', "test_it_repeats_itself",
        "makes something else from the same run; it must depend on nothing but its arguments",
    ),
    "writes into the run": output(
        "    share =", "    v = run.volume.array\n    v.flags.writeable = True\n    v[0, 0, 0] += 1\n    share =",
        "test_it_leaves_the_run_alone", "changes the run it is given; only look at it",
    ),
    # --- readers
    "a reader without its path": reader(
        "def read(path):", "def read():", "test_its_functions_fit",
        "reader 'PACKAGE.table': read must take 1 argument: too many positional arguments",
    ),
    "text instead of a segmentation": reader(
        "    return Segmentation(layers=(", "    return 'labels', str((", "test_it_reads",
        "read() returns ('labels', ",
    ),
    "names that are nowhere": reader(
        "Segment(value=value,", "Segment(value=value + 7,", "test_it_reads",
        "no label that it names is in its label maps",
    ),
    "other names each time": reader(
        "name=name)", 'name=f"{name}{next(CALLS)}")', "test_it_repeats_itself",
        "reads something else from the same source; depend on nothing but it",
    ),
    "a note in the source": reader(
        "def read(path):", "def read(path):\n    (path / 'seen').write_text('')", "test_it_writes_nothing",
        "changes its source or its folder; only read it",
    ),
    "everything is its own": reader(
        'return (path / "names.json").is_file()', "return True", "test_it_leaves_others_alone",
        "recognises() returns True for folder; return False",
    ),
    "an error for what is not its own": reader(
        'return (path / "names.json").is_file()',
        'return path.is_dir() and (path / "names.json").stat().st_size > 0 or path.stat().st_size < 0',
        "test_it_leaves_others_alone",
        "recognises() raises FileNotFoundError: [Errno 2] No such file or directory:",
    ),
    "damage that is not foreseen": reader(
        "except (DocumentError, RecordError) as error:", "except RecordError as error:",
        "test_damage_is_refused_in_words", "names.json without content: raises DocumentError: ",
    ),
    # --- augmentations
    "nothing drawn": augmentation(
        'labels=labels), {"by": by}', "labels=labels)", "test_it_runs",
        "return the new Sample and a dict of what was drawn",
    ),
    "crash without an image": augmentation(
        "    made =", "    sample.image + by\n    made =", "test_it_runs",
        "for labels with seed 0; it is called with a Sample, of which one part may be None, a generator, and what "
        "'parameters' of the test class holds",
    ),
    "a generator of its own": augmentation(
        "rng.uniform", "np.random.default_rng().uniform", "test_it_repeats_itself",
        "gives another result for the same seed; draw only from the generator it is given",
    ),
    "changes the sample": augmentation(
        "    labels = sample.labels", "    labels = sample.labels\n    if labels: labels[0, 0, 0] = 1",
        "test_it_leaves_its_input_alone", "changes the sample it is given; return a new one",
    ),
    "moves the image only": augmentation(
        "    labels = sample.labels",
        "    labels = sample.labels and sitk.Image(sample.labels)\n    if labels: labels.SetOrigin((by, 0, 0))",
        "test_it_keeps_one_grid", "gives image and labels of different origin; move both in the same way",
    ),
    "image of doubles": augmentation(
        "image: image + by", "image: sitk.Cast(image, sitk.sitkFloat64)", "test_it_keeps_the_pixel_types",
        "turns the image from float32 into float64; keep the pixel type",
    ),
    "invents a label": augmentation(
        "    labels = sample.labels", "    labels = sample.labels and sample.labels * 2", "test_it_invents_no_label",
        "makes the labels 4, 6, which were not there; resample label maps with nearest neighbours",
    ),
    "forgets further images": augmentation(
        "evolve(made, labels=labels)", "type(made)(image=made.image, labels=labels)", "test_it_treats_all_alike",
        "forgets the further images and label maps of a sample; return sample.changed(images=..., labels=...)",
    ),
    "changes the first image only": augmentation(
        "    made = sample.changed(images=lambda image: image + by)",
        "    made = sample if sample.image is None else evolve(sample, image=sample.image + by)",
        "test_it_treats_all_alike",
        "changes the image and not the further images; return sample.changed(images=..., labels=...)",
    ),
    "draws an array": augmentation(
        '{"by": by}', '{"by": np.array(by)}', "test_what_it_drew_is_json", "which is not a mapping for JSON",
    ),
    # --- schematics
    "step that is not there": schematic(
        'step="PACKAGE.seal"', 'step="PACKAGE.sael"', "test_its_step_exists",
        "schematic 'PACKAGE.seal', step: no step is called 'PACKAGE.sael'; did you mean 'PACKAGE.seal'",
    ),
    "one integer twice": schematic(
        '{"gap": 2,', '{"gap": 1,', "test_its_labels_are_unique",
        "labels: 'wall' and 'gap' are both 1; give each its own integer",
    ),
    "role not filled": schematic(
        '            "GAP_NAME": gap,\n', "", "test_its_semantic_map_fits",
        "semantic_map: PACKAGE.seal: nothing fills the role 'GAP_NAME' of step 'PACKAGE.seal'; "
        "add it to the semantic map; 'pycemrg describe PACKAGE.seal' lists the roles to fill",
    ),
    "role that is not there": schematic(
        '"GAP_NAME": gap,', '"GAP_NAME": gap, "GAPS_NAME": gap,', "test_its_semantic_map_fits",
        "fills the role 'GAPS_NAME', which step 'PACKAGE.seal' does not have; did you mean 'GAP_NAME'",
    ),
    "label without an integer": schematic(
        '"WALL_NAME": "wall"', '"WALL_NAME": "walls"', "test_its_semantic_map_fits",
        "uses 'walls', which has no integer; did you mean 'wall'",
    ),
    "parameter without a value": schematic(
        'parameters={"seal_WT": 2.5}', "parameters={}", "test_its_semantic_map_fits",
        "parameter 'seal_WT' has no value",
    ),
    "unknown mode": schematic(
        '"MODE": "REPLACE"', '"MODE": "REPLCE"', "test_its_semantic_map_fits", "unknown mode 'REPLCE'",
    ),
    "schematic whose step fails": schematic(
        "    yield Edit", "    raise OSError('no disk')\n    yield Edit", "test_it_runs",
        "schematic 'PACKAGE.seal': step 'PACKAGE.seal' of PACKAGE (module PACKAGE.plugin) failed in PACKAGE.seal: "
        "OSError: no disk", "steps.py",
    ),
    "schematic that changes nothing": schematic(
        '"TARGET_NAME": target', '"TARGET_NAME": gap', "test_it_changes_something",
        "changes no voxel of an image with all the labels it reads",
    ),
    "changes past the ledger": schematic(
        "    yield Edit", MUTATES, "test_its_changes_are_in_the_ledger",
        "0 became 55 in 1 voxels, 0 in the ledger; step 'PACKAGE.seal' changes the volume it is given; return edits "
        "instead", "steps.py",
    ),
    # --- recipes
    "schematic that is not there": recipe(
        'steps=("PACKAGE.seal"', 'steps=("PACKAGE.sael"', "test_its_steps_exist",
        "recipe 'PACKAGE.sealed', steps: no schematic is called 'PACKAGE.sael'; did you mean 'PACKAGE.seal'",
    ),
    "recipe in itself": recipe(
        'steps=("PACKAGE.seal"', 'steps=(RecipeStep(recipe="PACKAGE.sealed")', "test_its_steps_exist",
        "it includes itself: PACKAGE.sealed > PACKAGE.sealed",
    ),
    "one name with two integers": recipe(
        '{"gap": 2, "PACKAGE_seal": 3}', '{"gap": 2, "PACKAGE_seal": 5}', "test_its_steps_fit",
        "'PACKAGE_seal' is 5 in PACKAGE.seal and 3 in PACKAGE.reseal",
    ),
    "parameter that no step uses": recipe(
        'schematic="PACKAGE.reseal"', 'schematic="PACKAGE.reseal", parameters={"seal_TW": 2}', "test_its_steps_fit",
        "no step uses the parameter 'seal_TW'; did you mean 'seal_WT'",
    ),
    "steps in the wrong order": recipe(
        '("PACKAGE.seal", RecipeStep(schematic="PACKAGE.reseal"))', '("PACKAGE.reseal", "PACKAGE.seal")',
        "test_it_runs",
        "PACKAGE.reseal reads PACKAGE_seal (3) before it is first written: it is not in the image, and only"
        " PACKAGE.seal writes it, later; "
        "move PACKAGE.seal before PACKAGE.reseal; the recipe needs wall (1), gap (2) in the image",
    ),
    "another heart each time": recipe(
        "contract.thickness_mm,", "contract.thickness_mm * (1 + (next(CALLS) // 2) % 2),", "test_it_repeats_itself",
        "gives another result for the same image", "steps.py",
    ),
    "label past the contracts": recipe(
        "    yield Edit", MUTATES, "test_it_writes_what_it_declares",
        "writes 55, which no contract of its steps declares", "steps.py",
    ),
}  # fmt: skip

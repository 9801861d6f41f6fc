# make run, make test, make lab, make site, make export, make benchmark, make lint, make clean: each sets up what it needs first.
#   make run LEVELS="A1 C1" RECIPE=reference BANK=my_bank.csv LANGUAGE=tr
#   make bank WORDS=words.csv LEVEL=B2: a sentence bank, written by a model behind a server (docs/bank_making.md)
#   make experiment NAME=rank, make experiment-dry NAME=rank: the grid of runs in experiments/rank.yaml
#   make experiment NAME=rank PROFILE=slurm: its jobs run on a cluster

# PYTHON=python3.12 chooses the interpreter for the set-up; the default is the newest that works, see tools/find_python.sh
PYTHON ?=
BIN := .venv/bin

# Only variables on the command line count, because desktops set LANGUAGE for themselves.
SETTINGS := FILE LEVELS RECIPE BANK LANGUAGE OUTPUT_ROOT USER_DATA SEED CHECKS FROM LEVEL NAME WORDS SERVER JUDGE MODEL SENTENCES FORM KNOWN CANDIDATES DECIDED MAX_NEW_TOKENS OUTPUT QUANTISATION PORT HOST PROMPT PROFILE REPO WHAT ONLY ITEMS PAIRS WRITTEN VOTES PUBLIC REPLACE YES PYTHON IP
SWITCHES := PUBLIC REPLACE YES  # each is "yes" or is left out
given = $(if $(findstring command line,$(origin $(1))),$($(1)))
option_name = --$(shell printf %s $(1) | tr A-Z_ a-z-)
option = $(if $(call given,$(1)),$(call option_name,$(1)) "$($(1))")
switch = $(if $(call given,$(1)),$(call option_name,$(1)))
# The given variables as options, except those named: cefr refuses options that a command does not know.
options = $(strip $(foreach name,$(filter-out $(1) $(SWITCHES) CHECKS PYTHON IP,$(SETTINGS)),$(call option,$(name))) \
	$(foreach name,$(SWITCHES),$(call switch,$(name))) $(if $(call given,CHECKS),--no-checks))
UNKNOWN := $(filter-out $(SETTINGS),$(foreach name,$(.VARIABLES),$(if $(call given,$(name)),$(name))))
$(if $(UNKNOWN),$(error $(UNKNOWN): unknown; known are $(SETTINGS)))
$(if $(filter-out no,$(call given,CHECKS)),$(error CHECKS=$(CHECKS): only CHECKS=no is known))
$(foreach name,$(SWITCHES),$(if $(filter-out yes,$(call given,$(name))),$(error $(name) is yes, or is not given)))

.PHONY: run check experiment experiment-dry bank write test test-slow lab lint setup status doctor level adopt export serve publish showcase pictures rate rated judge site benchmark benchmark-quick gpu-check clean
.DEFAULT_GOAL := run

run: setup
	@$(BIN)/cefr run $(call options)

check: setup    # make check BANK=my_bank.csv LEVEL=B1: shows what a run would read, and writes nothing
	@$(BIN)/cefr check "$(or $(BANK),bundled)" $(call options,BANK)

experiment: setup    # its file sets levels, recipes and seeds: cefr refuses those options here
	@$(BIN)/cefr experiment "$(NAME)" $(call options,NAME)

experiment-dry: setup
	@$(BIN)/cefr experiment "$(NAME)" --dry-run $(call options,NAME)

bank: setup    # a key for the server is read only from the environment, as BANK_API_KEY
	@$(BIN)/cefr bank $(call options)

write: setup    # make write WORDS=words.csv LEVEL=B2 SENTENCES=3 FORM="csv apkg html": sentences for a word list
	@$(BIN)/cefr write $(call options)

# Two files side by side, each with one thread: on two cores that takes two thirds of the time that one with two threads takes.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: setup
	$(BIN)/python -m pytest -m slow

lab: setup    # .jupyter makes Markdown open rendered: a ?factory= in the URL would break the address that is printed
	JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" \
		$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/README.md $(AS_ROOT) $(FROM_OUTSIDE)

# Jupyter refuses to run as root, as containers do, unless it is allowed to. IP=0.0.0.0 listens to other machines too.
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)
FROM_OUTSIDE = $(if $(call given,IP),--no-browser --ServerApp.ip="$(IP)")

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

status: setup
	@$(BIN)/cefr status $(call options)

doctor: setup    # its output belongs in a bug report
	@$(BIN)/cefr doctor $(call options)

level: setup    # make level FILE=my_sentences.txt: the level that people would give each sentence
	@$(BIN)/cefr level "$(FILE)" $(call options,FILE)

adopt: setup    # make adopt FROM=folder LEVEL=B2
	@$(BIN)/cefr adopt "$(FROM)" "$(LEVEL)" $(call options,FROM LEVEL)

export: setup    # make export LEVELS=B2 QUANTISATION=q8_0
	@$(BIN)/cefr export $(call options)

serve: setup    # make serve LEVEL=B2: serves an exported model to programs that use OpenAI's chat API
	@$(BIN)/cefr serve $(call options)

publish: setup    # make publish LEVEL=B2 REPO=me shows what would be uploaded to the hub; YES=yes uploads it
	@$(BIN)/cefr publish "$(LEVEL)" "$(REPO)" $(call options,LEVEL REPO)

showcase: setup    # copies a finished run to docs/reference_run and renews the README's table
	@$(BIN)/python -m tools.update_reference_run $(call options)

pictures: setup    # takes the README's pictures of a finished run in JupyterLab; needs Chromium
	PYTHONPATH="tests/support" $(BIN)/python tools/take_pictures.py $(call options)

rate: setup    # make rate LEVELS=B2: makes a page on which people judge the sentences blind; ITEMS=120 PAIRS=47 for more
	@$(BIN)/cefr rate $(call options)

rated: setup    # make rated VOTES="a.json b.json": puts the readers' votes into notes and report
	@$(BIN)/cefr rated $(VOTES) $(call options,VOTES)

judge: setup    # make judge LEVEL=B2 SERVER=https://… MODEL=…: a model answers the same questions; its key is BANK_API_KEY
	@$(BIN)/cefr judge $(call options)

site: setup
	@$(BIN)/cefr site $(call options)

benchmark: setup    # measures time: run nothing else on the machine meanwhile; ONLY="second overhead" for some groups of tables
	@$(BIN)/python -m benchmarks $(call options)

benchmark-quick: setup
	@$(BIN)/python -m benchmarks --quick $(call options)

gpu-check: setup    # on a machine with a GPU: runs the notebooks for some minutes and writes the results into docs/gpu.md
	@$(BIN)/python -m benchmarks.gpu_check $(call options)

setup: .venv/installed

# If PYTHON names another version than the one in .venv, set up again.
OTHER_PYTHON = $(if $(PYTHON),$(shell [ "$$("$(PYTHON)" -V 2>&1)" = "$$("$(BIN)/python" -V 2>&1)" ] || echo other-python))
other-python:

.venv/installed: requirements.txt requirements-no-deps.txt requirements-gpu.txt constraints.txt pyproject.toml tools/set_up.py $(OTHER_PYTHON)
	@python=$$(sh tools/find_python.sh "$(PYTHON)") && "$$python" tools/set_up.py

# Removes only the environment and caches: the results of runs and the trained models stay.
clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .snakemake *.egg-info

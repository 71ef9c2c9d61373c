# `make site` publishes the lab, `make test` checks the project; both install what they need.
#
#   LAB=content/tp9.yml   another lab file
#   DATA=folder           where files that were given to you lie (default: data)
#   SITE=folder           where the website goes
#   ENONCE=folder         where the students' website goes
#   BUILD=folder          where results are kept
#   KIT=file.zip          what students get to work with
#   NOTEBOOKS=folder      where notebooks are opened
#   FOLDER=folder         what students handed in, for make grade
#   LIMIT=300             seconds that one of their notebooks may run (default: 120)
#   GRADES=name           where the verdicts on them go: name.csv and name.html
#   PORT=8001             where make serve shows it
#   EDITION=enonce        make serve shows what students get
#   ANSWERS=1-4           students get the answers of these questions too
#   REFERENCE=folder      results of another time, or a website: a page of the site tells what has changed since
#   WORKERS=4             how many processes compute (default: as many as there are cores and memory for)
#   STORE=archive         take over what make pack wrote elsewhere, and compute only the rest
#   SCHEDULER=tcp://…     the workers of a Dask cluster compute
#   DEVICE=cuda           compute there (cuda or mps); the CPU is the reference

LAB    ?= content/tp.yml
DATA   ?= data
# A lab other than the default one has its own results and website: content/tp9.yml goes to site-tp9, mon-tp/lab.yml to
# site-mon-tp.
NAME   := $(basename $(notdir $(LAB)))
SUFFIX := $(if $(filter-out content/tp.yml,$(LAB)),-$(if $(filter lab,$(NAME)),$(notdir $(abspath $(dir $(LAB)))),$(NAME)))
SITE   ?= site$(SUFFIX)
ENONCE ?= site-enonce$(SUFFIX)
BUILD  ?= build$(SUFFIX)
KIT    ?= kit$(SUFFIX).zip
NOTEBOOKS ?= notebooks$(SUFFIX)
GRADES ?= grades$(SUFFIX)
PORT   ?= 8000
PYTHON ?= python3

BIN    := .venv/bin
INPUT  := --lab $(LAB) --data $(DATA)
ON     := $(strip --build $(BUILD) $(DEVICE:%=--device %) $(WORKERS:%=--workers %) $(STORE:%=--store %) $(SCHEDULER:%=--scheduler %))
GENERATOR = $(BIN)/python -m generator
# The project's own: a lab beside it may hold Python that is not ours to judge.
CODE   := generator tests content examples

.DEFAULT_GOAL := help
.PHONY: help install handout kit notebook grade list keys bench site enonce zip moodle pdf test run render serve check lint clean saliency fooling classvis figure explain pack verify tidy

help: ## show this list
	@grep -hE '^[a-z ]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z ]+):[^#]*## /  make \1\t/' | expand -t 34

install: .venv/installed ## install what is needed into .venv; every other command does so by itself

site: .venv/installed ## run what must run, write the pages, build and check the website
	@$(GENERATOR) site $(INPUT) $(ON) --site $(SITE) $(if $(REFERENCE),--reference $(REFERENCE))

enonce: .venv/installed ## build the students' website, without answers or results
	@$(GENERATOR) statement $(INPUT) --build $(BUILD) --site $(ENONCE) $(if $(ANSWERS),--answers '$(ANSWERS)')

zip: site enonce ## pack both websites into files that open by double-click once unpacked
	@umask 022; for site in $(SITE) $(ENONCE); do \
	  $(BIN)/python -m zipfile -c $$site.zip.partial $$site/ && mv $$site.zip.partial $$site.zip && \
	  echo "packed: $$site.zip" || exit 1; done

moodle: enonce ## pack the students' website for Moodle and other platforms (SCORM 1.2)
	@$(GENERATOR) moodle $(INPUT) $(ENONCE)

pdf: site enonce ## print both websites into files with bookmarks, where Chromium is
	@$(GENERATOR) pdf $(INPUT) $(SITE) $(ENONCE)

handout: site ## print what a question asks and its figures, without its answer: QUESTION=5
	@$(GENERATOR) handout $(INPUT) --site $(SITE) '$(QUESTION)'

kit: .venv/installed ## pack what students get to work with: notebooks, network, photographs, and what these need
	@$(GENERATOR) kit $(INPUT) $(KIT)

notebook: .venv/notebooks ## open the students' notebooks in JupyterLab; those that are worked on stay as they are
	@$(GENERATOR) notebooks $(INPUT) $(NOTEBOOKS)
	$(BIN)/jupyter lab $(NOTEBOOKS)

grade: .venv/notebooks ## run students' notebooks and say which checks they pass: FOLDER=what-they-handed-in
	@$(GENERATOR) grade $(INPUT) "$$FOLDER" --grades $(GRADES) $(LIMIT:%=--limit %) $(WORKERS:%=--workers %) || test $$? -eq 1

test: .venv/tested ## run the linters and all tests
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/pytest -n auto --dist worksteal

run: .venv/installed ## run the experiments whose results are missing or out of date
	@$(GENERATOR) run $(INPUT) $(ON)

saliency fooling classvis: .venv/installed ## run the experiments of one family only
	@$(GENERATOR) run $(INPUT) $(ON) --family $@

render: .venv/installed ## write the pages from the content and the results
	@$(GENERATOR) render $(INPUT) --build $(BUILD)

serve: .venv/installed ## show the website on http://127.0.0.1:8000, and build it anew while you edit
	@$(GENERATOR) serve $(INPUT) $(ON) --site $(if $(filter enonce,$(EDITION)),$(ENONCE),$(SITE)) --port $(PORT) $(EDITION:%=--edition %)

check: .venv/installed ## check the lab file, its questions, images and weights
	@$(GENERATOR) check $(INPUT) --build $(BUILD)

list: .venv/installed ## name the experiments, their figures and, once they ran, their measures
	@$(GENERATOR) list $(INPUT) --build $(BUILD)

keys: .venv/installed ## say what each key of a lab file and of a question means
	@$(GENERATOR) keys $(INPUT)

explain: .venv/installed ## say for each experiment whether it must run, and why
	@$(GENERATOR) explain $(INPUT) $(ON)

figure: .venv/installed ## make one figure again and compare it: FIGURE=experiment/name
	@$(GENERATOR) figure $(INPUT) $(ON) $(FIGURE)

pack: .venv/installed ## write the computed parts into one archive, for STORE=… elsewhere: PACK=outcomes.zip
	@$(GENERATOR) pack $(INPUT) $(ON) $(or $(PACK),outcomes$(SUFFIX).zip)

verify: .venv/installed ## compute a random sample of the parts again and compare: SAMPLE=20
	@$(GENERATOR) verify $(INPUT) $(ON) --sample $(or $(SAMPLE),20)

tidy: .venv/installed ## say which computed parts no lab uses any more; REMOVE=yes removes them
	@$(GENERATOR) tidy $(INPUT) $(ON) $(if $(REMOVE),--remove)

bench: .venv/benched ## measure the speed beside that of other libraries
	@$(GENERATOR) bench $(INPUT) --build $(BUILD)

lint: .venv/tested ## format the code and check its types
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/mypy

clean: .venv/installed ## remove results and websites of this lab; the environment and the computed parts stay (make tidy)
	@$(GENERATOR) clean --build $(BUILD) $(SITE) $(ENONCE)
	rm -f $(foreach site,$(SITE) $(ENONCE),$(site).zip $(site).zip.partial $(site).pdf $(site)-moodle.zip)

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@echo "Installing into .venv (some minutes, once)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

.venv/tested: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

.venv/notebooks: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[notebook]'
	@touch $@

.venv/benched: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	@touch $@

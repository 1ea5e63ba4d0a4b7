# Every target installs what it needs (Debian 12 with root, Python 3.11, git and Go >= 1.25), can be
# interrupted and run again, and rebuilds nothing that is there.
PYTHON ?= python3
RUN = $(PYTHON) -m tests.run

.DEFAULT_GOAL := help
.PHONY: help check test demo cluster cluster-down images crds manifests faults bench bench-soak simulations lock

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null || \
	 sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1   \2/p' $(MAKEFILE_LIST)

check:  ## lint, format, types, layers, generated files, unit tests: no cluster, under a minute
	@$(RUN) check

test:  ## all tests, with a table of parts and times at the end (about 65 min, longer the first time)
	@$(RUN) test

demo:  ## the whole loop on real data, on a real cluster of its own (SEED=0..4: other days, other traffic)
	@SEED=$(SEED) $(RUN) demo

cluster:  ## start the cluster (DNS, registry); prints the kubeconfig
	@$(RUN) cluster

cluster-down:  ## end the cluster and leave nothing of it
	@$(RUN) cluster-down

images:  ## build the operator and runtime images, and load them if the cluster is up
	@$(RUN) images

crds:  ## write crds/, the chart's generated files and docs/reference from the code
	@$(RUN) environment
	@.venv/bin/trimtab crds
	@.venv/bin/trimtab chart
	@.venv/bin/trimtab reference

manifests:  ## write manifests/ from the chart: crds and operator for kubectl alone
	@$(RUN) manifests

faults:  ## the crash matrix: kill the operator before and after every write
	@$(RUN) faults

bench:  ## print the numbers of tests/bench
	@$(RUN) bench

bench-soak:  ## 2,000 Deployments, 200 of them in a canary at any time, for half an hour
	@$(RUN) bench-soak

simulations:  ## false alarms and bad requests of the canary test: tables, and the pictures of docs/analysis.md
	@$(RUN) simulations

lock:  ## bring the dependency locks up to pyproject.toml
	@$(RUN) lock

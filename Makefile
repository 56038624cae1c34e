CACHE := $(or $(CHAINSAW_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/chainsaw-machine)
EXTRA := python3 -c 'import sys, tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")'
VENV = $(CACHE)/venv-$(shell { python3 --version; $(EXTRA) test; $(EXTRA) apart; } | sha256sum | cut -c1-12)
PIP = $(@D)/bin/pip install --quiet --disable-pip-version-check

# All tests run side by side, each worker with a machine of its own; files that PYTEST names run alone.
SIDE_BY_SIDE = $(if $(findstring tests/,$(PYTEST)),,-n $(WORKERS) --dist loadscope --no-loadscope-reorder)
WORKERS = 4

.PHONY: help demo test test-long deb machine clean

help:
	@echo 'make demo      show WordPress go live, in a Debian 13 machine that is built for it'
	@echo 'make test      run all tests, with that machine; PYTEST="tests/test_x.py -k name" selects'
	@echo 'make test-long run the tests that take too long for that; CHAINSAW_SEED=2 cuts the power at other moments'
	@echo 'make machine   start the machine with chainsaw installed; see tests/machine --help'
	@echo 'make deb       build the Debian package into dist/'
	@echo 'make clean     remove what was built in the checkout'
	@echo 'Run demo, test and machine as root. The cache is $(CACHE).'

demo:
	tests/demo

test-long:
	$(MAKE) --no-print-directory test PYTEST='-m long $(PYTEST)'

test:
	@test -e $(VENV)/ready || $(MAKE) --no-print-directory $(VENV)/ready
	@command -v ssh-keygen > /dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends openssh-client; }
	@{ command -v age && command -v zstd; } > /dev/null || \
	  { apt-get update -q && apt-get install -qy --no-install-recommends age zstd; }
	$(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) $(PYTEST)

machine:
	tests/machine up
	tests/machine install

deb:
	.deb/build dist

clean:
	rm -rf dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(CACHE)/venv-%/ready:
	python3 -c 'import ensurepip' 2>/dev/null || { apt-get update -q && apt-get install -qy python3-venv; }
	rm -rf $(@D)
	python3 -m venv $(@D)
	$(EXTRA) test > $(@D)/requirements.txt
	$(EXTRA) apart > $(@D)/apart.txt
	$(PIP) --requirement $(@D)/requirements.txt
	$(PIP) --target $(@D)/apart --requirement $(@D)/apart.txt
	touch $@

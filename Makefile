# Thin: what a person types. The build itself is CMake's (CMakePresets.json).
.DEFAULT_GOAL := help
PREFIX ?= /usr/local
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
export JOBS

.PHONY: help setup build demo test bench lint format install hooks clean

help:  ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## install the Debian packages that are missing
	@tools/setup.sh

build: setup  ## build build/release/plimsoll
	@tools/build.sh release

demo: build  ## classify some sentences, again where the model has no room, and show both plans
	@tools/demo.sh

test: build  ## build and run all tests
	@tools/test.sh release

bench: build  ## measure speed and memory against the machine's own limits
	@bench/run.sh

lint:  ## structure, format, clang-tidy
	@tools/setup.sh --lint
	@tools/lint.sh

format:  ## rewrite all sources in the house format
	@tools/format.sh

install: build  ## install below PREFIX (/usr/local)
	@cmake --install build/release --prefix "$(PREFIX)"

hooks:  ## check format and structure before each commit
	@install -m 755 tools/pre-commit "$$(git rev-parse --git-path hooks)/pre-commit"
	@echo "installed tools/pre-commit"

clean:  ## remove everything that was built
	@rm -rf build

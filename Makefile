# Thin: what a person types. The build itself is CMake's (CMakePresets.json).
.DEFAULT_GOAL := help
PREFIX ?= /usr/local
SECONDS ?= 60
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
export JOBS

.PHONY: help setup build build-cuda demo test test-cuda torture bench bench-cuda fuzz lint format install hooks clean

help:  ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## install the Debian packages that are missing
	@tools/setup.sh

build: setup  ## build build/release/plimsoll
	@tools/build.sh release

demo: build  ## classify some sentences, again where the model has no room, and show both plans
	@tools/demo.sh

test: build  ## build and run all tests
	@tools/test.sh release

torture: build  ## every case of what the tests take samples of, all of it under sanitizers, an hour a fuzzer: a day
	@tools/test.sh release -C torture -L torture
	@tools/setup.sh --lint --sanitize --fuzz
	@tools/valgrind.sh
	@tools/build.sh clang
	@tools/build.sh asan && tools/test.sh asan
	@tools/build.sh tsan && tools/test.sh tsan
	@tools/build.sh fuzz fuzzers && fuzz/run.sh 3600 && fuzz/differential/run.sh 3600

bench: build  ## measure speed and memory against the machine's own limits
	@bench/run.sh

build-cuda: setup
	@tools/build.sh cuda

test-cuda: build-cuda  ## on a GPU: conformance, models, neighbours, random budgets; no GPU is a failure
	@tools/test_cuda.sh cuda

bench-cuda: build-cuda  ## on a GPU: BERT-large in half types and streamed, against torch and accelerate where they are installed
	@bench/cuda.sh build/cuda

fuzz:  ## fuzz each reader of hostile input for SECONDS (60); needs clang
	@tools/setup.sh --fuzz
	@tools/build.sh fuzz fuzzers
	@fuzz/run.sh $(SECONDS)

lint:  ## structure, format, cppcheck, clang-tidy
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

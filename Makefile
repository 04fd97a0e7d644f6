# Each target lists what it installs before it installs it. `make help` lists the targets.

CARGO ?= cargo
# The Python server for comparison in benchmarks; optional.
PEERS ?= $(wildcard ../shared/peers)
# Number of tests that run in parallel. Most of them wait for processes.
TEST_THREADS ?= 5
# Arguments of tests/bench/run.py; "quick" is --quick.
BENCH ?=
ARCH ?= $(shell dpkg --print-architecture)

.PHONY: help demo test lint audit bench fuzz soak foresight build deb deb-test release clean

help:
	@echo "make demo    a simulated rack (79 drives, 84 bays), the real daemon, a real Redis; stops with Ctrl-C"
	@echo "make test    all tests"
	@echo "make lint    format, clippy, documentation, shell scripts; JavaScript, CSS and Python with biome and ruff"
	@echo "make audit   dependencies: licences, advisories, none unused; installs cargo-deny and cargo-machete"
	@echo "make bench   benchmarks, compared with nginx and others; 20 minutes, BENCH=quick: 3 (tests/bench/README.md)"
	@echo "make fuzz    fuzzes every parser, FUZZ_SECONDS (600) each; installs cargo-fuzz"
	@echo "make soak    injects every fault in turn for SOAK_SECONDS (600), release build; prints a table"
	@echo "make foresight DATA=FILE   measures how well verdicts predict failures of real drives (docs/foresight.md)"
	@echo "make deb     target/debian/jbod-monitor_VERSION_ARCH.deb, for this architecture or ARCH=amd64|arm64"
	@echo "make deb-test  installs, upgrades, interrupts and purges that package on five distributions (root; 2.2 GB)"
	@echo "make build   target/release/jbod-monitor"
	@echo "make release VERSION=X.Y.Z   commit, tag, packages, checksums; pushes nothing (CONTRIBUTING.md)"

build:
	$(CARGO) build --release --locked

demo:
	@tests/need.sh redis-server curl
	$(CARGO) build --release --locked
	@tests/demo.sh

test:
	@tests/need.sh redis-server faketime git python3 promtool
	@tests/need.sh --where-apt chromium node npm curl
	$(CARGO) test --locked --bins --lib --test it -- --test-threads $(TEST_THREADS)
	@CARGO="$(CARGO)" tests/needs.sh it --test-threads $(TEST_THREADS)
	$(CARGO) test --locked --test alone
	@CARGO="$(CARGO)" tests/needs.sh alone

deb:
	@tests/need.sh python3 lintian readelf
	@python3 -c 'import ensurepip' 2>/dev/null || tests/need.sh python3-venv
	@packaging/deb/build $(ARCH)

deb-test:
	@tests/need.sh mmdebstrap unshare ip
	@packaging/deb/test

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --locked --no-deps --document-private-items --lib
	@tests/shell.sh
	@tests/lint.sh

audit:
	@tests/audit.sh

bench:
	@tests/need.sh redis-server redis-benchmark wrk nginx python3 valgrind
	@[ -z "$(PEERS)" ] || python3 -c 'import ensurepip' 2>/dev/null || tests/need.sh python3-venv
	$(CARGO) bench --locked --no-run --bench micro
	$(CARGO) build --release --locked --example constant
	$(CARGO) build --release --locked
	@CARGO="$(CARGO)" tests/bench/run.py $(if $(PEERS),--peers "$(PEERS)") $(patsubst quick,--quick,$(BENCH))

fuzz:
	@tests/fuzz/run.sh

soak:
	@tests/need.sh redis-server
	SOAK_SECONDS=$${SOAK_SECONDS:-600} SOAK_SEED=$${SOAK_SEED:-random} $(CARGO) test --release --locked --test alone soak -- --nocapture

foresight:
	@[ -n "$(DATA)" ] || { echo "DATA is not set; wanted DATA=FILE, histories of drives as CSV, plain or gzip (docs/foresight.md)" >&2; exit 1; }
	@$(CARGO) run --locked --release --example foresight -- "$(DATA)"

release:
	@packaging/release $(VERSION)

clean:
	$(CARGO) clean

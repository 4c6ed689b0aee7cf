# The commands of this repository; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test check bench soak fuzz

CARGO ?= cargo
SOAK_MINUTES ?= 60
FUZZ_TARGET ?= webhook
FUZZ_SECONDS ?= 600
# Where scripts/setup check puts its tools.
CHATLEDGER_CACHE ?= $(HOME)/.cache/chatledger
export PATH := $(CHATLEDGER_CACHE)/tools/bin:$(PATH)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the whole thing against a simulated Chat2Desk account; ONCE=1 ends by itself with the report
	@scripts/setup demo
	@$(CARGO) run -q -p chatledger -- demo $(if $(ONCE),--once)

test: ## format, lints, documentation, every test (Postgres and Kafka are installed and started as needed)
	@scripts/setup test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items
	$(CARGO) test --workspace

check: ## licences, one home for each library, unused dependencies, compose file
	@scripts/setup check
	$(CARGO) deny --log-level error --all-features check bans licenses sources
# With metadata: the names of our libraries differ from those of their packages.
	$(CARGO) machete --with-metadata
	scripts/check-compose

bench: ## events a second, each next to a baseline of the same run (docs/performance.md)
	@scripts/setup test
	$(CARGO) run --release -p chatledger-tests --bin bench

soak: ## random accounts, random operations and the scenarios over and over with fresh seeds, until one fails or SOAK_MINUTES (60) are over
	@scripts/setup test
	@end=$$(($$(date +%s) + 60 * $(SOAK_MINUTES))); round=0; \
	while [ $$(date +%s) -lt $$end ]; do \
		round=$$((round + 1)); export CHATLEDGER_SEED=$$(date +%s); \
		echo "round $$round, CHATLEDGER_SEED=$$CHATLEDGER_SEED"; \
		CHATLEDGER_RANDOM_ACCOUNTS=50000 $(CARGO) test -q -p chatledger-projection random || exit 1; \
		CHATLEDGER_SIMULATIONS=60 CHATLEDGER_INDEPENDENT=300 CHATLEDGER_LONG_BACKFILL=200000 $(CARGO) test -q -p chatledger-tests || exit 1; \
	done

fuzz: ## one fuzz target (FUZZ_TARGET=webhook) under libFuzzer for FUZZ_SECONDS (600); needs nightly Rust and cargo-fuzz. `make test` fuzzes for a moment
	@scripts/setup test
	@cp Cargo.lock tests/fuzz/Cargo.lock && mkdir -p tests/fuzz/corpus/$(FUZZ_TARGET)
	cd tests/fuzz && $(CARGO) +nightly fuzz run --fuzz-dir . --target-dir ../../target/fuzz $(FUZZ_TARGET) corpus/$(FUZZ_TARGET) \
		../fixtures/chat2desk/hooks ../fixtures/chat2desk/rest ../fixtures/chat2desk/script ../fixtures/chat2desk/seeds -- -max_total_time=$(FUZZ_SECONDS)

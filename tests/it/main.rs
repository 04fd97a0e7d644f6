//! What users see, through the real programs: one module for each subject.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and starts what it needs"
)]

mod cache_coherence;
mod container;
mod demo;
mod deployment;
mod discovery;
mod doc_examples;
mod end_to_end;
mod exclude;
mod fixtures;
mod foresight;
mod forget;
mod generated_docs;
mod golden;
mod headers;
mod helpers;
mod hosts;
mod import_cycles;
mod journal;
mod last_resort;
mod lease;
mod lifecycle;
mod links;
mod logical_units;
mod metrics;
mod missing;
mod missing_enclosures;
mod openapi;
mod package;
mod page;
mod paths;
mod pipelining;
mod prometheus;
mod properties;
mod raid_and_usb;
mod redis;
mod redis_faults;
mod redis_replies;
mod redis_tls;
mod regression;
mod release;
mod robustness;
mod rules_file;
mod secrets;
mod security;
mod service;
mod shelves;
mod smartctl;
mod smartctl_fixtures;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod tidy;
mod tool_output;
mod zpool;
mod zpool_activities;
mod zpool_fixtures;
mod zpool_json;

//! Properties that hold for all inputs: no input ends or blocks the program, an invalid value affects no other, and a worse
//! value does not improve the verdict.
//!
//! Every run tests the same cases. `PROPERTIES_SEED=NUMBER` or `PROPERTIES_SEED=random` tests other ones; the seed is
//! printed first.

mod fields;
mod fixtures;
mod mutate;
mod names;
mod outside;
mod parsers;
mod random;
mod subjects;
mod verdict;

//! What holds for whatever comes in: no text from outside ends or holds up the program, one odd
//! value costs itself only, and a worse value never makes a better verdict.
//!
//! Every run tests the same cases. `PROPERTIES_SEED=NUMBER` or `PROPERTIES_SEED=random` tests other
//! ones; the seed is printed first.

mod fields;
mod fixtures;
mod mutate;
mod names;
mod outside;
mod parsers;
mod random;
mod subjects;
mod verdict;

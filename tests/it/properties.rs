//! What holds for whatever comes in: no text from outside ends or holds up the program, one odd
//! value costs itself only, and a worse value never makes a better verdict.
//!
//! Every run tries other cases. The seed is printed first; `PROPERTIES_SEED=NUMBER` tries the same
//! ones again.

mod fields;
mod fixtures;
mod mutate;
mod names;
mod outside;
mod parsers;
mod random;
mod subjects;
mod verdict;

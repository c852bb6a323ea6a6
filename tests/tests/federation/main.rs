//! Federations of real nodes, and what must hold in them whatever happens.

mod adoption;
mod amending;
mod audit;
mod barrier;
mod coming_back;
mod crashes;
mod index;
mod offline;
mod relay;
mod reporting;
mod reports;
mod revisions;
mod standing;
mod stocks;

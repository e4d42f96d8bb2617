//! Whole runs of a toy model: exact resuming, whatever stopped them; damaged checkpoints, full disks, bad settings.

mod broken;
mod devices;
mod medium;
mod precision;
mod recipes;
mod resume;
mod toy;
mod watching;

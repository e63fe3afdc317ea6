//! The small language of the journeys.

mod browser;
mod expect;
mod head;
mod jar;
mod page;
mod world;

pub(crate) use browser::{Asking, Browser};
pub(crate) use head::ScriptedHead;
pub(crate) use page::Page;
pub(crate) use world::{Client, JO, Mode, SAM, Setup, Time, World};

/// A controller page, in the only locale of the simulated shop.
pub(crate) fn controller(name: &str) -> String {
    format!("/on/demandware.store/Sites-RefArch-Site/en_US/{name}")
}

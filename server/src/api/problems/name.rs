//! How people name a problem: by its id or by the number that they say, such as `PRB0000004`.

use crate::answer::ApiError;
use crate::api::extract::{PathName, number};
use rollcall_domain::World;
use rollcall_domain::id::ProblemId;
use rollcall_domain::problem::{Problem, display_number};
use std::str::FromStr;

/// How a problem is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemName {
    /// By its id.
    Id(ProblemId),
    /// By its number.
    Number(u64),
}

impl FromStr for ProblemName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match number("PRB", text) {
            Some(number) => Ok(Self::Number(number)),
            None => text.parse().map(Self::Id).map_err(drop),
        }
    }
}

impl PathName for ProblemName {
    const KIND: &'static str = "problem";
}

impl ProblemName {
    /// The problem, when there is one.
    pub fn find(self, world: &World) -> Result<&Problem, ApiError> {
        let problems = &world.problems.problems;
        let (found, text) = match self {
            Self::Id(id) => (problems.get(&id), id.to_string()),
            Self::Number(number) => (problems.values().rev().find(|problem| problem.number == number), display_number(number)),
        };
        found.ok_or_else(|| ApiError::not_found("problem", &text))
    }
}

/// The problem that a field names.
pub fn named(world: &World, field: &str, text: &str) -> Result<ProblemId, ApiError> {
    let name: Option<ProblemName> = text.parse().ok();
    let found = name.and_then(|name| name.find(world).ok());
    found.map(|problem| problem.id).ok_or_else(|| ApiError::invalid(field, "must be the id or number of a problem, such as PRB0000004"))
}

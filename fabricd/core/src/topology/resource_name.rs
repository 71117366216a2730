//! Names of Azure resources.

use crate::{
    name::{NameError, check_resource},
    spec::{problem::Problem, suggest::quoted, tree::At},
};

/// Checks the name that is written at `at` by Azure's rules for `Microsoft.Network` and
/// `Microsoft.Compute`; at most `max` characters.
pub(super) fn check(name: &str, max: usize, at: At<'_>, problems: &mut Vec<Problem>) {
    let problem = match check_resource(name, max) {
        Ok(()) => return,
        Err(NameError::NotALabel(name)) => {
            Problem::new(at.span(), format!("{} is not a valid name in Azure", quoted(&name))).help(
                "use letters, digits, `-`, `_` and `.`; begin with a letter or digit, end with one or `_`",
            )
        }
        Err(error) => Problem::new(at.span(), error.to_string()),
    };
    problems.push(problem);
}

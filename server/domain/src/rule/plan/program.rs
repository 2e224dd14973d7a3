//! Arithmetic of rules: an expression lowered to a program without recursion, and its run.

use crate::rule::expression::{self, Expression, Operator};
use crate::rule::window::Reading;

/// Arithmetic in postfix order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Number(f64),
    Read(usize),
    Negate,
    Absolute,
    Binary(Operator),
    Ratio(f64),
}

/// The number that a program comes to; `None` when a series is missing or the number is none.
pub(super) fn run(program: &[Step], readings: &[Option<Reading>]) -> Option<f64> {
    if let [Step::Read(only)] = program {
        return readings[*only].map(|reading| reading.value);
    }
    let mut stack = [0.0_f64; 2 * expression::LEAVES];
    let mut depth = 0_usize;
    for step in program {
        let value = match *step {
            Step::Number(number) => number,
            Step::Read(position) => readings.get(position).copied().flatten()?.value,
            Step::Negate | Step::Absolute => {
                depth -= 1;
                if matches!(step, Step::Negate) { -stack[depth] } else { stack[depth].abs() }
            }
            Step::Binary(_) | Step::Ratio(_) => {
                depth -= 2;
                combine(*step, stack[depth], stack[depth + 1])
            }
        };
        if !value.is_finite() {
            return None;
        }
        *stack.get_mut(depth)? = value;
        depth += 1;
    }
    Some(stack[0])
}

fn combine(step: Step, left: f64, right: f64) -> f64 {
    match step {
        Step::Binary(Operator::Add) => left + right,
        Step::Binary(Operator::Subtract) => left - right,
        Step::Binary(Operator::Multiply) => left * right,
        Step::Ratio(floor) if right < floor => 0.0,
        Step::Binary(Operator::Divide) | Step::Ratio(_) => left / right,
        Step::Number(_) | Step::Read(_) | Step::Negate | Step::Absolute => f64::NAN,
    }
}

/// Whether the number never falls when a part of it rises, so that what each part may yet become says what all may become.
pub(super) fn rises(expression: &Expression) -> bool {
    let is_scale = |expression: &Expression| matches!(expression, Expression::Number(number) if *number > 0.0);
    match expression {
        Expression::Number(_) | Expression::Read(_) => true,
        Expression::Binary(Operator::Add, left, right) => rises(left) && rises(right),
        Expression::Binary(Operator::Multiply, left, right) => (rises(left) && is_scale(right)) || (is_scale(left) && rises(right)),
        Expression::Binary(Operator::Divide, left, right) => rises(left) && is_scale(right),
        _ => false,
    }
}

/// Appends an expression to a program; `reads` counts the series that it reads.
pub(super) fn lower(expression: &Expression, program: &mut Vec<Step>, reads: &mut usize) {
    match expression {
        Expression::Number(number) => program.push(Step::Number(*number)),
        Expression::Read(_) => {
            program.push(Step::Read(*reads));
            *reads += 1;
        }
        Expression::Negate(inner) => {
            lower(inner, program, reads);
            program.push(Step::Negate);
        }
        Expression::Absolute(inner) => {
            lower(inner, program, reads);
            program.push(Step::Absolute);
        }
        Expression::Binary(operator, left, right) => {
            lower(left, program, reads);
            lower(right, program, reads);
            program.push(Step::Binary(*operator));
        }
        Expression::Ratio(part, whole, floor) => {
            lower(part, program, reads);
            lower(whole, program, reads);
            program.push(Step::Ratio(*floor));
        }
    }
}

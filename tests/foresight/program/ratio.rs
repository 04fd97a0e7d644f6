//! Ratios over drives, with confidence intervals.

/// The quantile of the normal distribution for an interval of 95 %.
const NORMAL_QUANTILE: f64 = 1.96;

/// The sum of the parts divided by the sum of the wholes. Each drive adds both once, because drives are the samples:
/// the days of one drive are not independent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ratio {
    part: f64,
    whole: f64,
    part_squares: f64,
    products: f64,
    whole_squares: f64,
}

/// A ratio between 0 and 1 and the bounds of its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Ratio {
    pub fn add(&mut self, part: f64, whole: f64) {
        self.part += part;
        self.whole += whole;
        self.part_squares += part * part;
        self.products += part * whole;
        self.whole_squares += whole * whole;
    }

    /// `None` if nothing was added.
    pub fn estimate(&self) -> Option<Estimate> {
        if self.whole <= 0.0 {
            return None;
        }
        let value = self.part / self.whole;
        let (low, high) = wilson(value, self.effective_size(value));
        Some(Estimate { value, low, high })
    }

    /// The number of independent observations that would give a ratio of the same variance. Where each drive adds 1
    /// to the whole it is the number of drives.
    fn effective_size(&self, value: f64) -> f64 {
        let deviations = self.part_squares - 2.0 * value * self.products + value * value * self.whole_squares;
        let variance = value * (1.0 - value);
        if variance > 0.0 && deviations > 0.0 {
            variance * self.whole * self.whole / deviations
        } else {
            // Without variance the size depends on weights and days only.
            self.whole * self.whole / self.whole_squares
        }
    }
}

/// Wilson's score interval.
fn wilson(value: f64, size: f64) -> (f64, f64) {
    let square = NORMAL_QUANTILE * NORMAL_QUANTILE;
    let divisor = 1.0 + square / size;
    let centre = value + square / 2.0 / size;
    let half = NORMAL_QUANTILE * (value * (1.0 - value) / size + square / 4.0 / size / size).sqrt();
    (((centre - half) / divisor).max(0.0), ((centre + half) / divisor).min(1.0))
}

//! Writes families of series: names with their units, sanitized labels, and no family without a series.

use crate::domain::text::is_control_or_bidi;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::borrow::Cow;
use std::fmt;

/// Names that drives and pools report are truncated to this.
const MAX_LABEL_CHARS: usize = 128;
/// The units of the names in this program.
const UNITS: [&str; 4] = ["seconds", "bytes", "celsius", "ratio"];

pub(super) struct FamilyWriter<'e>(DescriptorEncoder<'e>);

pub(super) type Label<'a> = (&'static str, &'a str);

/// Series without labels.
pub(super) const NO_LABELS: [Label; 0] = [];

impl<'e> FamilyWriter<'e> {
    pub(super) fn new(encoder: DescriptorEncoder<'e>) -> Self {
        Self(encoder)
    }

    /// `name` is the full name, with its unit.
    pub(super) fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let (stem, unit) = split_unit(name);
        let mut family = self.0.encode_descriptor(stem, help, unit.as_ref(), MetricType::Gauge)?;
        for (labels, value) in series {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// A family of one series without labels.
    pub(super) fn gauge<V: EncodeGaugeValue>(&mut self, name: &str, help: &str, value: Option<V>) -> fmt::Result {
        self.gauges(name, help, value.map(|value| (NO_LABELS, value)))
    }

    /// `name` is the full name, with its unit and `_total`.
    pub(super) fn counters<L: EncodeLabelSet, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let (stem, unit) = split_unit(name.strip_suffix("_total").unwrap_or(name));
        let mut family = self.0.encode_descriptor(stem, help, unit.as_ref(), MetricType::Counter)?;
        for (labels, value) in series {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, V, f64>(&value, None)?;
        }
        Ok(())
    }

    /// `name` is the full name, with `_info`. Each series is 1; its labels are the information.
    pub(super) fn infos<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = L>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let stem = name.strip_suffix("_info").unwrap_or(name);
        let mut family = self.0.encode_descriptor(stem, help, None, MetricType::Info)?;
        series.try_for_each(|labels| family.encode_info(&labels))
    }

    /// A series is its labels, its sum, its count, and for each bucket the upper bound and the count of that bucket
    /// alone.
    pub(super) fn histograms<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, f64, u64, Vec<(f64, u64)>)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let (stem, unit) = split_unit(name);
        let mut family = self.0.encode_descriptor(stem, help, unit.as_ref(), MetricType::Histogram)?;
        for (labels, sum, count, buckets) in series {
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

/// A name without its unit, and the unit.
fn split_unit(name: &str) -> (&str, Option<Unit>) {
    match name.rsplit_once('_') {
        Some((stem, unit)) if UNITS.contains(&unit) => (stem, Some(Unit::Other(unit.to_owned()))),
        _ => (name, None),
    }
}

/// A reported name as a label value: one line, without control characters, at most 128 characters.
pub(super) fn label_value(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_LABEL_CHARS && !text.chars().any(is_control_or_bidi) {
        return Cow::Borrowed(text);
    }
    text.chars().take(MAX_LABEL_CHARS).map(|char| if is_control_or_bidi(char) { '?' } else { char }).collect()
}

/// The label value of a text that may be unknown. It is empty then, which Prometheus treats like an absent label.
pub(super) fn optional_label_value(text: Option<&str>) -> Cow<'_, str> {
    label_value(text.unwrap_or_default())
}

/// 1 for `true`, 0 for `false`.
pub(super) fn bool_value(value: bool) -> u64 {
    u64::from(value)
}

/// A count as the value of a gauge.
pub(super) fn count_value(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

pub(super) fn percent_to_ratio(percent: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let percent = percent as f64;
    percent / 100.0
}

pub(super) fn millis_to_seconds(ms: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for ages")]
    let ms = ms as f64;
    ms / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_short_and_has_no_control_characters() {
        assert_eq!(label_value("WDC  WUH721414ALE6L4"), "WDC  WUH721414ALE6L4");
        assert_eq!(label_value("a\u{1b}[2J\r\nb\u{202e}\"\\"), "a?[2J??b?\"\\");
        assert_eq!(label_value(&"é".repeat(500)).chars().count(), MAX_LABEL_CHARS);
    }

    #[test]
    fn a_name_ends_in_its_unit() {
        let (stem, unit) = split_unit("jbod_device_temperature_celsius");
        assert_eq!((stem, unit.as_ref().map(Unit::as_str)), ("jbod_device_temperature", Some("celsius")));
        assert!(matches!(split_unit("jbod_device_state"), ("jbod_device_state", None)));
    }
}

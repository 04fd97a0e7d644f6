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

/// A label.
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

    /// Each series has its labels, its sum, its count, and the count of each bucket alone.
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
    let found = name.rsplit_once('_').filter(|(_, last)| UNITS.contains(last));
    found.map_or((name, None), |(stem, unit)| (stem, Some(Unit::Other(unit.to_owned()))))
}

/// A reported name as the value of a label: one line, without control characters, short.
pub(super) fn label_value(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_LABEL_CHARS && !text.chars().any(is_control_or_bidi) {
        return Cow::Borrowed(text);
    }
    text.chars().take(MAX_LABEL_CHARS).map(|c| if is_control_or_bidi(c) { '?' } else { c }).collect()
}

/// The same for a text that may be unknown. Then it is empty, which Prometheus treats as no label.
pub(super) fn optional_label_value(text: Option<&str>) -> Cow<'_, str> {
    label_value(text.unwrap_or_default())
}

/// 1 if true.
pub(super) fn bool_value(value: bool) -> u64 {
    u64::from(value)
}

/// A count as the value of a gauge. It fits.
pub(super) fn count_value(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Percent as a ratio.
pub(super) fn percent_to_ratio(percent: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let percent = percent as f64;
    percent / 100.0
}

/// Milliseconds as seconds.
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
        let unit = |name| split_unit(name).1.map(|u| u.as_str().to_owned());
        assert_eq!(unit("jbod_device_temperature_celsius").as_deref(), Some("celsius"));
        assert_eq!(unit("jbod_device_state"), None);
    }
}

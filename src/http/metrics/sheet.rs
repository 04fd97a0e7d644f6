//! How families of series are written, whatever they are about: names with their units, labels that
//! are fit to be labels, and no family without a series.

use crate::domain::text::is_control_or_bidi;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::borrow::Cow;
use std::fmt;

/// What a drive or pool calls itself is cut off here: no label is a page.
const LABEL_CHARS: usize = 128;
/// Units that names here end in.
const UNITS: [&str; 4] = ["seconds", "bytes", "celsius", "ratio"];

pub(super) struct Sheet<'e>(DescriptorEncoder<'e>);

/// A label.
pub(super) type Label<'a> = (&'static str, &'a str);

/// Series without labels.
pub(super) const NONE: [Label; 0] = [];

impl<'e> Sheet<'e> {
    pub(super) fn new(encoder: DescriptorEncoder<'e>) -> Self {
        Self(encoder)
    }

    /// `name` is the whole name, with its unit.
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
        let (stem, unit) = split(name);
        let mut family = self.0.encode_descriptor(stem, help, unit.as_ref(), MetricType::Gauge)?;
        for (labels, value) in series {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// One without labels.
    pub(super) fn gauge<V: EncodeGaugeValue>(&mut self, name: &str, help: &str, value: Option<V>) -> fmt::Result {
        self.gauges(name, help, value.map(|value| (NONE, value)))
    }

    /// `name` is the whole name, with its unit and `_total`.
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
        let (stem, unit) = split(name.strip_suffix("_total").unwrap_or(name));
        let mut family = self.0.encode_descriptor(stem, help, unit.as_ref(), MetricType::Counter)?;
        for (labels, value) in series {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, V, f64>(&value, None)?;
        }
        Ok(())
    }

    /// `name` is the whole name, with `_info`: series of 1 whose labels are what they say.
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

    /// Each with its sum, its count, and how many fell into each bucket alone.
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
        let (stem, unit) = split(name);
        let mut family = self.0.encode_descriptor(stem, help, unit.as_ref(), MetricType::Histogram)?;
        for (labels, sum, count, buckets) in series {
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

/// A name without its unit, and the unit.
fn split(name: &str) -> (&str, Option<Unit>) {
    let found = name.rsplit_once('_').filter(|(_, last)| UNITS.contains(last));
    found.map_or((name, None), |(stem, unit)| (stem, Some(Unit::Other(unit.to_owned()))))
}

/// What somebody calls itself, fit to be a label: on one line, steering nothing, and short. Unknown
/// is empty, which is no label to Prometheus.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.len() <= LABEL_CHARS && !text.chars().any(is_control_or_bidi) {
        return Cow::Borrowed(text);
    }
    text.chars().take(LABEL_CHARS).map(|c| if is_control_or_bidi(c) { '?' } else { c }).collect()
}

/// The same, of what may be unknown.
pub(super) fn plain_or_none(text: Option<&String>) -> Cow<'_, str> {
    plain(text.map_or("", String::as_str))
}

/// 1 for yes.
pub(super) fn flag(is: bool) -> u64 {
    u64::from(is)
}

/// A count of things here; it fits.
pub(super) fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Percent as a part of 1.
pub(super) fn ratio(percent: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let percent = percent as f64;
    percent / 100.0
}

/// Milliseconds in seconds.
pub(super) fn seconds(ms: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for ages")]
    let ms = ms as f64;
    ms / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_short_and_steers_nothing() {
        assert_eq!(plain("WDC  WUH721414ALE6L4"), "WDC  WUH721414ALE6L4");
        assert_eq!(plain("a\u{1b}[2J\r\nb\u{202e}\"\\"), "a?[2J??b?\"\\");
        assert_eq!(plain(&"é".repeat(500)).chars().count(), LABEL_CHARS);
    }

    #[test]
    fn a_name_ends_in_its_unit() {
        let unit = |name| split(name).1.map(|u| u.as_str().to_owned());
        assert_eq!(unit("jbod_device_temperature_celsius").as_deref(), Some("celsius"));
        assert_eq!(unit("jbod_device_state"), None);
    }
}

//! JSON Schemas (2020-12) of the bodies, generated from their types. In builds for tests only: the daemon contains the
//! generated document (`http/openapi.json`).

use super::bodies::{DrivesBody, EnclosuresBody, ProblemBody, ZfsBody};
use super::drive_document::DriveDoc;
use super::enclosure_view::EnclosureView;
use super::overview::Overview;
use super::overview_brief::OverviewBrief;
use super::service::ServiceBody;
use crate::domain::identity::DeviceName;
use crate::domain::time::Timestamp;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The schemas of all bodies and of the types in them, by name.
pub fn components() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut all = settings.with(|settings| settings.definitions_path = "/components/schemas".into()).into_generator();
    all.subschema_for::<Overview>();
    all.subschema_for::<OverviewBrief>();
    all.subschema_for::<DrivesBody>();
    all.subschema_for::<DriveDoc>();
    all.subschema_for::<EnclosuresBody>();
    all.subschema_for::<EnclosureView>();
    all.subschema_for::<ZfsBody>();
    all.subschema_for::<ServiceBody>();
    all.subschema_for::<ProblemBody>();
    all.take_definitions(true)
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl JsonSchema for DeviceName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DeviceName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,32}$" })
    }
}

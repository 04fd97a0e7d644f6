//! Enums of the words that another program or the kernel uses. A value is written as its word in JSON, in metrics and in
//! sentences.

/// Defines an enum of all valid words: another word is invalid.
macro_rules! closed_vocabulary {
    ($(#[$about:meta])* $vis:vis enum $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        $vis enum $name {
            $($(#[$what])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            $vis fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($word),+] })
            }
        }
    };
}

/// Defines an enum of the known words: another word is kept as `Other`.
macro_rules! open_vocabulary {
    ($(#[$about:meta])* $vis:vis enum $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis enum $name {
            $($(#[$what])* $variant,)+
            /// An unknown word.
            Other(String),
        }

        impl $name {
            /// The value of a known word.
            $vis fn known(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }

            $vis fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                Self::known(word).unwrap_or_else(|| Self::Other(word.to_owned()))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let word = String::deserialize(from)?;
                Ok(Self::known(&word).unwrap_or(Self::Other(word)))
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}

pub(crate) use {closed_vocabulary, open_vocabulary};

#[cfg(test)]
mod tests {
    closed_vocabulary! {
        pub(crate) enum Closed {
            Two = "two words",
        }
    }

    open_vocabulary! {
        pub(crate) enum Open {
            Known = "KNOWN",
        }
    }

    #[test]
    fn value_is_written_and_read_as_its_word() {
        assert_eq!(serde_json::to_string(&Closed::Two).ok().as_deref(), Some("\"two words\""));
        assert_eq!(serde_json::from_str::<Closed>("\"two words\"").ok(), Some(Closed::Two));
        assert_eq!(serde_json::from_str::<Closed>("\"two\"").ok(), None);
        assert_eq!(Closed::Two.to_string(), "two words");
        for (word, value) in [("KNOWN", Open::Known), ("known", Open::Other("known".to_owned()))] {
            let json = format!("\"{word}\"");
            assert_eq!(serde_json::to_string(&value).ok().as_ref(), Some(&json));
            assert_eq!(serde_json::from_str::<Open>(&json).ok(), Some(value.clone()));
            assert_eq!(Open::from(word), value);
            assert_eq!(value.to_string(), word);
        }
    }
}

use super::{Step, Traced, complaint::Complaint};
use serde::de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

/// A list, and how far in it we are.
pub(super) struct Items<'t, A> {
    pub(super) of: Traced<'t, A>,
    pub(super) index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = Complaint;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Complaint> {
        let (trace, depth) = (self.of.trace, self.of.depth);
        trace.enter(depth, Step::Item(self.index));
        self.index += 1;
        let item = self.of.inner.next_element_seed(Traced::new(seed, trace, depth + 1));
        let item = item.map_err(Complaint::custom)?;
        trace.leave(depth);
        Ok(item)
    }

    fn size_hint(&self) -> Option<usize> {
        self.of.inner.size_hint()
    }
}

/// A map, or a structure's fields.
pub(super) struct Entries<'t, A>(pub(super) Traced<'t, A>);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, A> {
    type Error = Complaint;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Complaint> {
        self.0.trace.field.set(None);
        let seed = self.0.with(seed);
        self.0.inner.next_key_seed(seed).map_err(Complaint::custom)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Complaint> {
        let (trace, depth) = (self.0.trace, self.0.depth);
        trace.enter(depth, trace.field.take().map_or(Step::Key, Step::Field));
        let value = self.0.inner.next_value_seed(Traced::new(seed, trace, depth + 1));
        let value = value.map_err(Complaint::custom)?;
        trace.leave(depth);
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.inner.size_hint()
    }
}

impl<'de, 't, A: EnumAccess<'de>> EnumAccess<'de> for Traced<'t, A> {
    type Error = Complaint;
    type Variant = Traced<'t, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), Complaint> {
        let (trace, depth) = (self.trace, self.depth);
        let named = self.inner.variant_seed(Traced::new(seed, trace, depth));
        let (name, variant) = named.map_err(Complaint::custom)?;
        Ok((name, Traced::new(variant, trace, depth)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Traced<'_, A> {
    type Error = Complaint;

    fn unit_variant(self) -> Result<(), Complaint> {
        self.inner.unit_variant().map_err(Complaint::custom)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Complaint> {
        let seed = self.with(seed);
        self.inner.newtype_variant_seed(seed).map_err(Complaint::custom)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Complaint> {
        let visitor = self.with(visitor);
        self.inner.tuple_variant(len, visitor).map_err(Complaint::custom)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Complaint> {
        let visitor = Traced { fields, ..self.with(visitor) };
        self.inner.struct_variant(fields, visitor).map_err(Complaint::custom)
    }
}

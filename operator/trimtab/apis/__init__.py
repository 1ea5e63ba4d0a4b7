"""The custom resources of trimtab.dev as models, and the generator of their CRDs and reference pages."""

"""Each product gets a number and a token of its own."""

import uuid

from django.db import migrations
from django.db.models import F
from django.db.models.functions import Concat, Lower, Substr


def fill(apps, schema_editor):
    products = apps.get_model("shop", "Product").objects
    for product in products.select_related("category"):
        product.token = uuid.uuid4()
        product.attributes = {"from": product.category.name, "old": None}
        product.save()
    products.filter(sku=None).update(sku=Concat(Lower(Substr("name", 1, 3)), F("id")))


class Migration(migrations.Migration):
    dependencies = (("shop", "0002_renames_and_fields"),)
    operations = (migrations.RunPython(fill, migrations.RunPython.noop),)

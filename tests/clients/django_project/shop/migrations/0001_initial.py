"""The shop as it was first thought of."""

import uuid

from django.conf import settings
from django.db import migrations, models
from django.db.models.deletion import CASCADE, PROTECT

KEY = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    initial = True
    dependencies = (migrations.swappable_dependency(settings.AUTH_USER_MODEL),)

    operations = (
        migrations.CreateModel(
            name="Category",
            fields=[
                ("id", KEY.clone()),
                ("name", models.CharField(max_length=50, unique=True)),
                ("parent", models.ForeignKey("shop.category", CASCADE, "children", blank=True, null=True)),
            ],
            options={"verbose_name_plural": "categories", "ordering": ("name",)},
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", KEY.clone()),
                ("category", models.ForeignKey("shop.category", CASCADE)),
                ("title", models.CharField(max_length=60)),
                ("sku", models.CharField(max_length=10, null=True)),
                ("price", models.IntegerField()),
                ("colour", models.TextField(default="none")),
                ("added", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("user", models.ForeignKey(settings.AUTH_USER_MODEL, CASCADE, "orders")),
                ("watchers", models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="watched")),
                ("day", models.DateField(null=True)),
                ("paid", models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name="Item",
            fields=[
                ("id", KEY.clone()),
                ("order", models.ForeignKey("shop.order", CASCADE, "items")),
                ("product", models.ForeignKey("shop.product", PROTECT)),
                ("amount", models.IntegerField(default=1)),
            ],
            options={"unique_together": {("order", "product")}},
        ),
    )

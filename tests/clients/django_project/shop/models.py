"""A shop: categories in a tree, products, orders with lines."""

import uuid

from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField, DateRangeField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower, Now


class Category(models.Model):
    name = models.CharField(max_length=50, unique=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")

    class Meta:
        verbose_name_plural = "categories"
        ordering = ("name",)

    def __str__(self):
        return self.name


class Product(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft"
        ON_SALE = "sale"

    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    name = models.CharField(max_length=100)
    sku = models.CharField(max_length=20, unique=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    attributes = models.JSONField(default=dict)
    keywords = ArrayField(models.CharField(max_length=30), default=list)
    token = models.UUIDField(default=uuid.uuid4, unique=True)
    stock = models.PositiveIntegerField(default=0)
    weight = models.FloatField(null=True)
    image = models.BinaryField(null=True)
    available = DateRangeField(null=True)
    delivery = models.DurationField(null=True)
    added = models.DateTimeField(auto_now_add=True)
    modified = models.DateTimeField(auto_now=True)
    checked = models.DateTimeField(db_default=Now())
    value = models.GeneratedField(
        expression=models.F("price") * models.F("stock"),
        output_field=models.DecimalField(max_digits=14, decimal_places=2),
        db_persist=True,
    )

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=["state", "-price"], name="product_state"),
            GinIndex(fields=["attributes"], name="product_attributes"),
        )
        constraints = (
            models.CheckConstraint(condition=models.Q(price__gte=0), name="price_is_not_negative"),
            models.UniqueConstraint(Lower("name"), "category", name="one_name_per_category"),
        )

    def __str__(self):
        return self.name


class Order(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="orders")
    products = models.ManyToManyField(Product, through="Line", related_name="orders")
    watchers = models.ManyToManyField(User, related_name="watched")
    day = models.DateField(null=True)
    paid = models.BooleanField(default=False)


class Line(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    amount = models.SmallIntegerField(default=1)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["order", "product"], name="one_line_per_product"),)
